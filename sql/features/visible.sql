-- How many fact rows of its key are visible at each point, and how many lie before each of its windows.
-- In: points, spans (place, length of the window), counts, visible (the law of time).
-- Out: feature_visible(_point, key, as_of, n0, n_w…).
-- Time bound: row time < as_of; a window of length w holds the rows with as_of - w <= time < as_of.
CREATE OR REPLACE TEMP TABLE feature_visible AS
WITH marks AS (
    SELECT _key, _time, max(_pos) AS rows FROM feature_facts GROUP BY _key, _time
), bounds AS (
    SELECT p._point, p.key, p.as_of, s.place, p.as_of - s.span AS bound
    FROM {points} p CROSS JOIN (VALUES (0, 0){spans}) s(place, span)
), b AS (
    SELECT q._point, q.key, q.as_of, q.place, m.rows
    FROM bounds q ASOF LEFT JOIN marks m ON m._key = q.key AND {visible}
)
SELECT b._point, b.key, b.as_of, coalesce(max(b.rows) FILTER (b.place = 0), 0) AS n0{counts}
FROM b
GROUP BY b._point, b.key, b.as_of
