-- Which value a row has in its own column or in that of a parent.
-- In: lasts (point, row, as_of), table (of the rows), climbs (joins to the parent), column.
-- Out: point, code (a hash of the value, the same within one process and no further); those without a value are left out.
-- Time bound: the rows were visible at as_of; every row on the way must be visible itself.
SELECT p.point, CAST(hash(CAST({column} AS VARCHAR)) >> 1 AS BIGINT) AS code
FROM {lasts} p
JOIN rows.{table} f ON f._row = p.row
{climbs}
WHERE {column} IS NOT NULL
