-- The fact rows of one block in the order of their key's time, with running aggregates: what is visible at any time is a prefix.
-- In: key, time (expressions over f and the chain's parents), source, joins, raw and scaled columns, running aggregates, points.
-- Out: feature_facts(_key, _time, _row, _pos, _moment, _first, _gap, n…, v…, x…, s…, q…, c…, lo…, hi…).
-- Time bound: none here, rows that are never visible are left out; the bound is applied in visible.sql.
CREATE OR REPLACE TEMP TABLE feature_facts AS
WITH events AS (
    SELECT {key} AS _key, {time} AS _time, f._row AS _row{raw}
    FROM {source} f
    {joins}
    WHERE {key} IN (SELECT key FROM {points})
), scaled AS (
    SELECT *{scaled} FROM events WHERE _time < {never}
)
SELECT
    *,
    row_number() OVER running AS _pos,
    dense_rank() OVER (PARTITION BY _key ORDER BY _time) AS _moment,
    min(_time) OVER running AS _first,
    _time - nullif(lag(_time) OVER (PARTITION BY _key ORDER BY _time, _row), {always}) AS _gap{running}
FROM scaled
WINDOW running AS (PARTITION BY _key ORDER BY _time, _row ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
