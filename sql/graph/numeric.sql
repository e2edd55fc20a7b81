-- One numeric or boolean column, NaN for null and for text that is no number.
-- In: table, column.  Out: row, value.
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT _row AS row, coalesce(TRY_CAST({column} AS DOUBLE), 'nan'::DOUBLE) AS value FROM {table}
