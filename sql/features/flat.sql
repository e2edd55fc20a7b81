-- The features of one block from the pieces that kernels computed, one row a point.
-- In: columns, the tables of pieces (p) and of single rows (h, w…, r…), row by row alike, and joins to the last row's parents (u…).
-- Out: _point, f0, f1, …
-- Time bound: that of the pieces; parents must be visible themselves.
SELECT p._point AS _point{columns}
FROM {tables}
{joins}
