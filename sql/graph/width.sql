-- How many numbers the longest list of a column holds.
-- In: table, value (the column as a list).  Out: width.
-- Time bound: none; the graph holds all rows and the sampler applies the law of time.
SELECT coalesce(max(len({value})), 0) AS width FROM {table}
