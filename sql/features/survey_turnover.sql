-- How often the next row of the same key has another parent.
-- In: table, key, parent (row ids along two chains), joins, every (which keys are looked at).
-- Out: one row: turnover and same (the parent is the key's row, where both are of one table), in [0, 1].
-- Time bound: rows visible at the survey's time.
WITH pairs AS (
    SELECT {key} AS key, {parent} AS parent, f._time, f._row
    FROM {table} f {joins}
    WHERE {visible} AND {key} % {every} = 0 AND {parent} IS NOT NULL
), steps AS (
    SELECT key = parent AS same, parent, lag(parent) OVER (PARTITION BY key ORDER BY _time, _row) AS before FROM pairs
)
SELECT coalesce(count(*) FILTER (parent <> before) / nullif(count(before), 0), 0.0) AS turnover, coalesce(avg(CAST(same AS DOUBLE)), 0.0) AS same FROM steps
