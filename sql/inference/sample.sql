-- The shape of values, over a part of a table that neither the order of its rows nor the number of threads decides.
-- In: table, keep (a condition on a hash, or true), aggregates.  Out: one row.
-- Time bound: none; the shape of a database is read from all of it.
SELECT count(*), {aggregates} FROM (SELECT * FROM {table} WHERE {keep})
