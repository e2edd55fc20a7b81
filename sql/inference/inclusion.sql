-- How many of the child's different values are keys of the parent.
-- In: child, parent, values (`x AS v0, …` in the parent's types), originals (the child's columns), known (a condition),
--     keys (`k AS v0, …`), match (`c.v0 = p.v0 AND …`).
-- Out: distinct child values, those found, distinct values of the parent, and those within the range of the child's first column.
-- Time bound: none; the shape of a database is read from all of it.
WITH c AS (
    SELECT DISTINCT {originals}, {values} FROM {child} WHERE {known}
), p AS (
    SELECT DISTINCT {keys} FROM {parent}
)
SELECT (SELECT count(*) FROM c), (SELECT count(*) FROM c SEMI JOIN p ON {match}), (SELECT count(*) FROM p),
    (SELECT count(*) FROM p WHERE v0 BETWEEN (SELECT min(v0) FROM c) AND (SELECT max(v0) FROM c))
