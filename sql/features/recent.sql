-- Aggregates over the last rows that are visible, one row per distinct end of a history.
-- In: lags (place, integer weights), names, aggregates over f (the row) and l (its place).
-- Out: feature_recent(_key, _pos, a…).
-- Time bound: feature_visible's: rows up to position n0.
CREATE OR REPLACE TEMP TABLE feature_recent AS
SELECT e._key, e._pos{aggregates}
FROM (SELECT DISTINCT key AS _key, n0 AS _pos FROM feature_visible WHERE n0 > 0) e
CROSS JOIN (VALUES {lags}) l({names})
JOIN feature_facts f ON f._key = e._key AND f._pos = e._pos - l.j
GROUP BY e._key, e._pos
