-- The fact rows of one link: which entity met which target, and when that became visible.
-- In: name, entity and item (row ids), time (the latest on the way, the target's own among it), source, joins, visible.
-- Out: candidate_facts_…(entity, item, time).
-- Time bound: rows visible at the latest as_of of the call; the bound of each as_of is applied in items.sql and pairs.sql.
CREATE OR REPLACE TEMP TABLE {name} AS
SELECT entity, item, time
FROM (SELECT {entity} AS entity, {item} AS item, {time} AS time FROM {source} f {joins})
WHERE entity IS NOT NULL AND item IS NOT NULL AND {visible}
