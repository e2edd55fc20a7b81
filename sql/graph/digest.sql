-- Two sums over one table's rows that tell whether any of them changed: of those before a row id, and of those from it on.
-- In: table, columns, again (the same columns in another order), first.  Out: fresh, rows, one, two (whole numbers as text).
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT
    _row >= {first} AS fresh,
    count(*) AS rows,
    CAST(bit_xor(hash({columns})) AS VARCHAR) AS one,
    CAST(sum(hash({again}, 1)) AS VARCHAR) AS two
FROM {table}
GROUP BY fresh
