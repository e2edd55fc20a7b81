-- How often each target was linked, in windows before one as_of.
-- In: name, facts, windows (counts n0, n1, …), visible.  Out: candidate_items_…(item, n, last, n0, …).
-- Time bound: fact time < as_of; a window of length w holds as_of - w <= time < as_of.
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT item, count(*) AS n, max(time) AS last{windows}
FROM {facts}
WHERE {visible}
GROUP BY item
