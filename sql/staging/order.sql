-- Number the rows of one table in the order of (time, key).
-- inputs:  {select}, the raw or staging SELECT; {time}, its time in microseconds with the lag added; {order}, its key
-- output:  {target}: _row (dense, ascends with _time), _time, and the native columns
-- bound:   none: it states the time that every later stage is bound by
CREATE TABLE {target} AS
SELECT (row_number() OVER ()) - 1 AS _row, *
FROM (
  SELECT {time} AS _time, *
  FROM (
    {select}
  )
  ORDER BY _time, {order}
)
