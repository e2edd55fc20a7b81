-- Whether numbers only ever grow with time among the rows of one parent, as running totals do.
-- In: table, group, time, values (`x AS v0, lag(x) … AS b0, …`), steps (for each number: steps that do not fall, steps that grow),
--     keep (a condition that keeps all rows of a parent).  Out: one row: steps, then two counts a number.
-- Rows of one parent with the same time have no order, so they are left out.
-- Time bound: none; the shape of a database is read from all of it.
SELECT count(*), {steps} FROM (
    SELECT {values}, lag({time}) OVER w AS before FROM (
        SELECT * FROM {table} WHERE {keep} AND {group} IS NOT NULL
        QUALIFY count(*) OVER (PARTITION BY {group}, {time}) = 1
    )
    WINDOW w AS (PARTITION BY {group} ORDER BY {time})
) WHERE before IS NOT NULL
