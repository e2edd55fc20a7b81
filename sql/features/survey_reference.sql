-- How long parents live and how many children they have, along one reference.
-- In: table, reference (its dense column).  Out: one row: lifetime (mean, microseconds), children (mean).
-- Time bound: rows visible at the survey's time; static children have no lifetime.
WITH parents AS (
    SELECT count(*) AS children, max(_time) AS last, min(_time) AS first
    FROM {table}
    WHERE {reference} IS NOT NULL AND {visible}
    GROUP BY {reference}
)
SELECT
    coalesce(avg(CAST(last AS DOUBLE) - CAST(first AS DOUBLE)) FILTER (children > 1), 0.0) AS lifetime,
    coalesce(avg(children), 0.0) AS children
FROM parents
