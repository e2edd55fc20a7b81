-- How often the rows of one key change their parent.
-- In: table, key, parent (row ids along two chains), joins.  Out: one row: turnover in (0, 1].
-- Time bound: rows visible at the survey's time.
WITH pairs AS (
    SELECT {key} AS key, {parent} AS parent, count(*) AS n
    FROM {table} f {joins}
    WHERE {visible} AND {key} IS NOT NULL AND {parent} IS NOT NULL
    GROUP BY 1, 2
)
SELECT coalesce(count(*) / nullif(sum(n), 0), 0.0) AS turnover FROM pairs
