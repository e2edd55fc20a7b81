-- How often two rows share a value: the sum over all values of (rows with it)².
-- In: table, column.  Out: one number.
-- Time bound: none; the shape of a database is read from all of it.
SELECT coalesce(sum(CAST(n AS DOUBLE) * n), 0) FROM (SELECT count(*) AS n FROM {table} GROUP BY {column})
