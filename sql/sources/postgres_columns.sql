-- Every column of every table, view, materialised view, partitioned and foreign table that is the user's own, in PostgreSQL's words.
-- Inputs:  the catalog, within the transaction of the feed.
-- Outputs: relation (oid), schema, name, usable (the schema may be entered), "column", readable, type (of the catalog, or else ''),
--          modifier (typmod, -1 for none), "array" (of that type), dimensions (as declared, 0 or 1 in general).
-- Bound:   one row a column. Partitions are left to their parent, and what belongs to an extension is not the user's data;
--          nor are the scores that rdl publishes. A domain
--          counts as the type below it.
WITH RECURSIVE beneath (oid, base, modifier) AS (
    SELECT t.oid, t.oid, -1 FROM pg_catalog.pg_type t WHERE t.typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.base, CASE WHEN b.modifier >= 0 THEN b.modifier ELSE t.typtypmod END
    FROM pg_catalog.pg_type t JOIN beneath b ON b.oid = t.typbasetype
    WHERE t.typtype = 'd'
)
SELECT
    c.oid::int8 AS relation,
    n.nspname::text AS schema,
    c.relname::text AS name,
    pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable,
    a.attname::text AS "column",
    pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
    CASE WHEN e.typnamespace = 'pg_catalog'::regnamespace THEN e.typname::text ELSE '' END AS type,
    (CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE b.modifier END)::int8 AS modifier,
    e.oid <> t.oid AS "array",
    a.attndims::int8 AS dimensions
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN beneath b ON b.oid = a.atttypid
JOIN pg_catalog.pg_type t ON t.oid = b.base
LEFT JOIN pg_catalog.pg_type element ON element.typarray = t.oid
JOIN pg_catalog.pg_type e ON e.oid = coalesce(element.oid, t.oid)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT c.relispartition
    AND coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '') NOT LIKE 'rdl: scores%'
    AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY n.nspname, c.relname, a.attnum
