-- Number the rows of one table in the order of (time, key), and resolve its references to dense row ids of their parents.
-- inputs:  {select}, the clean rows; {time}, their time in microseconds with the lag added; {order}, what orders them within one time;
--          {references}, the parents' _row as _ref_<column>; {joins}, a LEFT JOIN a reference
-- output:  {target}: _row (dense, ascends with _time), _time, _ref_<column>, and {columns}; a null or dangling reference is NULL
-- bound:   none: it states the time that every later stage is bound by
CREATE TABLE {target} AS
SELECT (row_number() OVER ()) - 1 AS _row, _time{resolved}{columns}
FROM (
  SELECT o.*{references}
  FROM (
    SELECT {time} AS _time, *
    FROM ({select})
  ) o
  {joins}
  ORDER BY o._time, {order}
)
