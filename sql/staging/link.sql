-- Number the rows of one Parquet table that is in the order of (time, key) as it lies, and resolve its references.
-- inputs:  {files}, their rows as a table; {time}, {references}, {joins} as in number.sql; {columns}, those that time and references read; {order}, a sort by
--          o._row where the joins do not keep the order of the files
-- output:  {target}: _row, _time, _ref_<column>, row for row beside the files
-- bound:   none: it states the time that every later stage is bound by
CREATE TABLE {target} AS
SELECT o._row, o._time{references}
FROM (
  SELECT (row_number() OVER ()) - 1 AS _row, {time} AS _time, *
  FROM (SELECT {columns} FROM {files})
) o
{joins}
{order}
