-- Every target that is visible at one as_of, and its places among them, overall and within its groups.
-- In: target, items (of the first link), recent and steady (orders of counts), groups (references g0, g1, …), places, visible.
-- Out: candidate_popular(item, born, recent, steady, g0, place0, …); the newest come first where nothing else tells.
-- Time bound: the target's own time < as_of; counts are those of items.sql.
CREATE OR REPLACE TEMP TABLE candidate_popular AS
SELECT *{places}
FROM (
    SELECT
        t._row AS item,
        t._time AS born,
        row_number() OVER (ORDER BY {recent}, t._time DESC, t._row DESC) AS recent,
        row_number() OVER (ORDER BY {steady}, t._time DESC, t._row DESC) AS steady{groups}
    FROM {target} t LEFT JOIN {items} i ON i.item = t._row
    WHERE {visible}
)
