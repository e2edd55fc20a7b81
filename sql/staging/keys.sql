-- The dense row ids of the rows that references may name.
-- inputs:  {select}, the clean rows of one table; {time}, their time in microseconds with the lag added; {order}, what orders them within
--          one time; {columns}, the columns that references name
-- output:  {target}: _row (dense, ascends with _time), _time, {columns}
-- bound:   none: whether a row is visible is asked at every cutoff
CREATE TABLE {target} AS
SELECT (row_number() OVER ()) - 1 AS _row, _time, {columns}
FROM (
  SELECT {time} AS _time, *
  FROM ({select})
  ORDER BY _time, {order}
)
