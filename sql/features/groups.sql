-- Which group an entity belongs to, by the value of one of its own columns.
-- In: table, column.  Out: entity (row id), code (a hash of the value, the same within one process and no further), time (from when the entity is visible).
-- Time bound: none here; a peer's past labels count from when both they and the peer are visible.
SELECT _row AS entity, CAST(hash(CAST({column} AS VARCHAR)) >> 1 AS BIGINT) AS code, _time AS time
FROM rows.{table}
WHERE {column} IS NOT NULL
