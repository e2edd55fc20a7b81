-- Parents of the last visible rows of each point, from the rows' own references.
-- In: lasts(_point, place, as_of, reference), parent (the row id), joins that climb to it.
-- Out: _point, place (0 is the last row), parent.
-- Time bound: that of the last rows; every row on the way must be visible itself.
SELECT p._point AS _point, p.place AS place, {parent} AS parent
FROM {lasts} p
{joins}
WHERE {parent} IS NOT NULL
