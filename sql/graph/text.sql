-- One categorical or text column as text.
-- In: table, column.  Out: row, value.
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT _row AS row, {column}::VARCHAR AS value FROM {table}
