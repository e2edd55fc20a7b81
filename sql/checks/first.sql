-- The first row of every key.
-- inputs:  {source}, a SELECT of the rows; {keys}, the key's columns; {order}, the time, then every column
-- output:  the rows that stay, with the same columns
-- bound:   none: which row is first depends on the rows alone
SELECT *
FROM ({source})
QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) = 1
