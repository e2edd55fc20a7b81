-- Targets beside an entity's recent ones.
-- In: recent (rows an entity); candidate_pairs_0, candidate_neighbours.  Out: candidate_together(entity, item, score, place).
-- Time bound: that of both tables.
CREATE OR REPLACE TEMP TABLE candidate_together AS
SELECT *, row_number() OVER (PARTITION BY entity ORDER BY score DESC, item) AS place
FROM (
    SELECT p.entity, n.b AS item, sum(n.score) AS score
    FROM candidate_pairs_0 p JOIN candidate_neighbours n ON n.a = p.item
    WHERE p.recent <= {recent}
    GROUP BY p.entity, n.b
)
