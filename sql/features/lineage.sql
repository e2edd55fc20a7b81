-- What a table holds, day by day of the rows' times, in a few numbers a day: equal numbers, equal rows.
-- In: table, columns (all of them), day (microseconds), never.  Out: day (since 1970), rows, mark (sum and exclusive or of the rows' hashes).
-- Time bound: none here, rows that are never visible are left out; whoever compares takes the days before a bound.
WITH hashed AS (
    SELECT CASE WHEN _time < 0 THEN (_time + 1) // {day} - 1 ELSE _time // {day} END AS day, hash({columns}) AS mark
    FROM rows.{table}
    WHERE _time < {never}
)
SELECT day, count(*) AS rows, CAST(sum(CAST(mark AS HUGEINT)) AS VARCHAR) || ' ' || CAST(bit_xor(mark) AS VARCHAR) AS mark
FROM hashed
GROUP BY day
ORDER BY day
