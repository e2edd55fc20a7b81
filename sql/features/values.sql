-- The features of one block, one row a point.
-- In: columns, joins to the rows at the windows' edges (w…, r…), to feature_recent (t) and to the last row's parents (u…).
-- Out: _point, f0, f1, …
-- Time bound: feature_visible's; parents must be visible themselves.
SELECT p._point AS _point{columns}
FROM feature_visible p
LEFT JOIN feature_facts h ON h._key = p.key AND h._pos = p.n0
{joins}
