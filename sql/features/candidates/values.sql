-- What is said of each candidate.
-- In: columns, target, joins.  Out: entity, item, source, f0, f1, …
-- Time bound: that of the tables it joins; the target is visible, as candidate_chosen holds no other.
SELECT c.entity, c.item, c.source{columns}
FROM candidate_chosen c
JOIN candidate_popular o ON o.item = c.item
JOIN {target} t ON t._row = c.item
{joins}
ORDER BY c.entity, c.item
