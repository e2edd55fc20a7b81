-- Which targets the same entities were linked to of late: cosine of the two sets of entities, in units of 2**-20.
-- In: facts, since (start of the window), recent (rows an entity), sampled (entities at most), neighbours (rows kept), visible.
-- Out: candidate_neighbours(a, b, score).
-- Time bound: since <= fact time < as_of.
CREATE OR REPLACE TEMP TABLE candidate_neighbours AS
WITH seen AS (
    SELECT entity, item, max(time) AS last FROM {facts} WHERE {visible} AND time >= {since} GROUP BY entity, item
), share AS (
    SELECT 1 + count(DISTINCT entity) // {sampled} AS of FROM seen
), kept AS (
    SELECT entity, item
    FROM seen
    WHERE hash(entity) % (SELECT of FROM share) = 0
    QUALIFY row_number() OVER (PARTITION BY entity ORDER BY last DESC, item) <= {recent}
), sizes AS (
    SELECT item, count(*) AS n FROM kept GROUP BY item
), pairs AS (
    SELECT x.item AS a, y.item AS b, count(*) AS n
    FROM kept x JOIN kept y ON y.entity = x.entity AND y.item <> x.item
    GROUP BY x.item, y.item
    HAVING count(*) > 1
)
SELECT p.a, p.b, CAST(round(1048576 * p.n / sqrt(s.n * t.n)) AS BIGINT) AS score
FROM pairs p JOIN sizes s ON s.item = p.a JOIN sizes t ON t.item = p.b
QUALIFY row_number() OVER (PARTITION BY p.a ORDER BY score DESC, p.b) <= {neighbours}
