-- Resolve the references of one table to dense row ids of their parents.
-- inputs:  {source}, ordered rows; {joins}, one LEFT JOIN a reference; {references}, the parents' _row as _ref_<column>
-- output:  {target}, in the order of _row; a null or dangling reference is NULL
-- bound:   none: whether the parent is visible is asked at every cutoff
CREATE TABLE {target} AS
SELECT o.*{references}
FROM {source} o
{joins}
ORDER BY o._row
