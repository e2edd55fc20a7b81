-- Whom the last row that a seed sees points at.
-- In: seeds (i, entity, as_of), facts (the table of rows), own (the column that names the row's entity), parent (the reference asked).
-- Out: one row a seed, in order: the parent's dense row, -1 where there is none.
-- Time bound: visible: row time < as_of. Of rows with the same time the last one counts.
WITH facts AS (
    SELECT {own} AS entity, _time AS time, max_by({parent}, _row) AS parent
    FROM rows.{facts} WHERE {own} IS NOT NULL AND {parent} IS NOT NULL
    GROUP BY {own}, _time
)
SELECT coalesce(f.parent, -1) AS r
FROM seeds s ASOF LEFT JOIN facts f ON f.entity = s.entity AND {visible}
ORDER BY s.i
