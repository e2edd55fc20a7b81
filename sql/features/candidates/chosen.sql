-- The candidates of each entity of a bucket, and the first source that names each.
-- In: sources (SELECTs of entity, item, source); candidate_popular.  Out: candidate_chosen(entity, item, source).
-- Time bound: candidate_popular's: the target itself is visible.
CREATE OR REPLACE TEMP TABLE candidate_chosen AS
SELECT entity, item, min(source) AS source
FROM (
    {sources}
)
SEMI JOIN candidate_popular USING (item)
GROUP BY entity, item
