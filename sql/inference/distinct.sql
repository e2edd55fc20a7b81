-- How many different values, or combinations of values, stand in a table where none of them is null.
-- In: table, columns, known (a condition).  Out: one number.
-- Time bound: none; the shape of a database is read from all of it.
SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {table} WHERE {known})
