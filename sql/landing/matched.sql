-- How many rows of earlier parts come again, by part: rows below the edge whose key is in what was read anew; a null key is no key.
-- Inputs: key (comma-separated), earlier (parts with the column _rdl_file), below (the watermark's condition), fresh (what was read anew).
-- Outputs: file, rows, and in every row the same two totals: earlier rows matched, and different keys among them.
-- Bound: the edge: what stands at or above it is superseded anyway.
WITH matched AS (
    SELECT _rdl_file AS file, {key} FROM (SELECT * FROM {earlier} WHERE {below}) SEMI JOIN {fresh} USING ({key})
)
SELECT file, count(*), (SELECT count(*) FROM matched), (SELECT count(*) FROM (SELECT DISTINCT {key} FROM matched))
FROM matched GROUP BY file
