-- Parents of the last visible rows of each point.
-- In: places (how many last rows), parent (the row id), joins that climb to it.
-- Out: _point, place (0 is the last row), parent.
-- Time bound: feature_visible's; every row on the way must be visible itself.
SELECT p._point AS _point, l.place AS place, {parent} AS parent
FROM feature_visible p
CROSS JOIN (SELECT unnest(range({places})) AS place) l
JOIN feature_facts f ON f._key = p.key AND f._pos = p.n0 - l.place
{joins}
WHERE {parent} IS NOT NULL
