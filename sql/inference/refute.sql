-- Rows and different combinations among all rows that share some values of one column: two numbers that differ refute a key.
-- In: table, columns, keep (a condition on a hash of one of the columns).  Out: one row.
-- Time bound: none; the shape of a database is read from all of it.
SELECT coalesce(sum(n), 0), count(*) FROM (SELECT count(*) AS n FROM {table} WHERE {keep} GROUP BY {columns})
