-- What some rows hold, whatever their order: their number and two sums over hashes of whole rows.
-- A row is hashed twice, its columns in both directions, and each hash once more with a salt: DuckDB joins the hashes of columns by XOR, and
-- sums of such hashes would not notice when two rows swap their last values. Sums of 64-bit hashes are HUGEINT: 2^63 rows fit.
-- Inputs: columns and reversed (comma-separated), watermark (a column, or NULL), finite (whether it has a place in the order), relation, condition.
-- Outputs: rows, the sums, the lowest and the highest finite watermark as text, and how many rows have none.
-- Bound: none; the condition is the watermark's.
SELECT count(*), coalesce(sum(hash(forward, 17)), 0), coalesce(sum(hash(backward, 71)), 0),
    CAST(min(watermark) FILTER (finite) AS VARCHAR), CAST(max(watermark) FILTER (finite) AS VARCHAR), count(*) FILTER (NOT finite)
FROM (
    SELECT hash({columns}) AS forward, hash({reversed}) AS backward, {watermark} AS watermark, coalesce({finite}, false) AS finite
    FROM {relation} WHERE {condition}
)
