-- The time of every row.
-- In: table.  Out: row, value (microseconds UTC, lag included).
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT _row AS row, _time AS value FROM {table}
