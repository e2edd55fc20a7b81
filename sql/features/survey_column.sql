-- What one column looks like to a plan.
-- In: table, column, magnitude (an expression), top (how many frequent values).  Out: one row.
-- Time bound: rows visible at the survey's time.
WITH seen AS (
    SELECT {column} AS value, {magnitude} AS magnitude FROM {table} WHERE {visible}
), counted AS (
    SELECT CAST(value AS VARCHAR) AS value, count(*) AS n FROM seen WHERE value IS NOT NULL GROUP BY 1
)
SELECT
    (SELECT coalesce(count(value) / nullif(count(*), 0), 0.0) FROM seen) AS filled,
    (SELECT count(magnitude) FILTER (isfinite(magnitude)) FROM seen) AS readable,
    (SELECT coalesce(max(magnitude) FILTER (isfinite(magnitude)), 0.0) FROM seen) AS magnitude,
    (SELECT count(*) FROM counted) AS distinct_values,
    (SELECT list(value ORDER BY n DESC, value) FROM (SELECT * FROM counted ORDER BY n DESC, value LIMIT {top})) AS top
