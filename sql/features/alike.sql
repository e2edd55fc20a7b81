-- Which value the last visible row of each key had at a moment, in its own column or in that of a parent.
-- In: moments (_point, key, as_of), key and time (expressions over f and the chain's parents), source, joins, visible (the law of time),
--     table (of the last rows), climbs (joins to the parent), column, never.
-- Out: point, code (a hash of the value, the same within one process and no further); those without a value are left out.
-- Time bound: row time < as_of; every row on the way must be visible itself.
WITH marks AS (
    SELECT {key} AS key, {time} AS time, max(f._row) AS row
    FROM {source} f
    {joins}
    WHERE {key} IN (SELECT key FROM {moments}) AND {time} < {never}
    GROUP BY ALL
), lasts AS (
    SELECT q._point, q.as_of, m.row FROM {moments} q ASOF JOIN marks m ON m.key = q.key AND {visible}
)
SELECT p._point AS point, CAST(hash(CAST({column} AS VARCHAR)) >> 1 AS BIGINT) AS code
FROM lasts p
JOIN rows.{table} f ON f._row = p.row
{climbs}
WHERE {column} IS NOT NULL
