-- What each entity of a bucket was linked to before one as_of, how often, and in which order.
-- In: name, facts, windows (counts n0, n1, …), visible; candidate_points(entity).
-- Out: candidate_pairs_…(entity, item, n, first, last, n0, …, recent, frequent).
-- Time bound: fact time < as_of.
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT
    *,
    row_number() OVER (PARTITION BY entity ORDER BY last DESC, n DESC, item) AS recent,
    row_number() OVER (PARTITION BY entity ORDER BY n DESC, last DESC, item) AS frequent
FROM (
    SELECT entity, item, count(*) AS n, min(time) AS first, max(time) AS last{windows}
    FROM {facts} SEMI JOIN candidate_points USING (entity)
    WHERE {visible}
    GROUP BY entity, item
)
