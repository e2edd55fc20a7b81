-- One timestamp column in microseconds UTC; null, infinite and unreadable ones become the given value.
-- In: table, column, null.  Out: row, value.
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT
    _row AS row,
    CASE WHEN isfinite(TRY_CAST({column} AS TIMESTAMP)) THEN epoch_us(TRY_CAST({column} AS TIMESTAMP)) ELSE {null} END AS value
FROM {table}
