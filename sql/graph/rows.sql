-- The rows of one table from a row id on, as the graph keeps them.
-- In: table, columns (named expressions), first, order (nothing, or ORDER BY).  Out: row and the named columns.
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT _row AS row, {columns} FROM {table} WHERE _row >= {first} {order}
