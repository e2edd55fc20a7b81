-- Of which groups of targets an entity's rows are: its categories, its suppliers.
-- In: name, group (a column of candidate_popular), window (a count of pairs); candidate_pairs_0.
-- Out: candidate_groups_…(entity, value, n, late, place).
-- Time bound: that of candidate_pairs_0.
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT *, row_number() OVER (PARTITION BY entity ORDER BY n DESC, late DESC, value) AS place
FROM (
    SELECT p.entity, o.{group} AS value, sum(p.n) AS n, sum(p.{window}) AS late
    FROM candidate_pairs_0 p JOIN candidate_popular o ON o.item = p.item
    WHERE o.{group} IS NOT NULL
    GROUP BY p.entity, o.{group}
)
