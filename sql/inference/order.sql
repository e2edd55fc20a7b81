-- In how many rows each of some pairs of times is in order.
-- In: table, pairs (for each: rows where both are known, rows where the first is not after the second).  Out: one row.
-- Time bound: none; the shape of a database is read from all of it.
SELECT {pairs} FROM {table}
