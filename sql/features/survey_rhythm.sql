-- How much time usually passes between two rows of the same key.
-- In: table, key, time (expressions along a chain), joins, visible, every (which keys are looked at), always (the time of static rows).
-- Out: one row: gap (median, microseconds), 0 where no key has two rows of different times.
-- Time bound: rows whose whole chain is visible at the survey's time.
WITH seen AS (
    SELECT {key} AS key, {time} AS time FROM {table} f {joins} WHERE {key} % {every} = 0
), gaps AS (
    SELECT time - lag(time) OVER (PARTITION BY key ORDER BY time) AS gap FROM seen WHERE {visible} AND time > {always}
)
SELECT CAST(coalesce(median(gap) FILTER (gap > 0), 0) AS DOUBLE) AS gap FROM gaps
