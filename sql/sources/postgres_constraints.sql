-- The primary and foreign keys that PostgreSQL's catalog declares.
-- Inputs:  the catalog, within the transaction of the feed.
-- Outputs: relation (oid), kind ('p' or 'f'), columns (in the key's order), parent (oid, 0 for a primary key), parent_columns.
-- Bound:   one row a constraint; what a partition takes over from its parent is left out.
SELECT
    k.conrelid::int8 AS relation,
    k.contype::text AS kind,
    k.confrelid::int8 AS parent,
    ARRAY(
        SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place
    ) AS columns,
    ARRAY(
        SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place
    ) AS parent_columns
FROM pg_catalog.pg_constraint k
WHERE k.contype IN ('p', 'f') AND k.conparentid = 0
ORDER BY k.conrelid, k.contype, k.conname
