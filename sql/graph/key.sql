-- One foreign key: the parent's row id, -1 for none.
-- In: table, column (the dense reference).  Out: row, value.
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT _row AS row, coalesce({column}, -1)::INTEGER AS value FROM {table}
