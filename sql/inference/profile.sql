-- What every column of a table looks like, in one pass.
-- In: table, aggregates (for each column: count, approximate distinct values, least, greatest).  Out: one row.
-- Time bound: none; the shape of a database is read from all of it.
SELECT count(*), {aggregates} FROM {table}
