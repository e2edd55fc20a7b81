-- Words that a fair share of a column's texts have, and most have not.
-- In: table, column, words (the list of a text's words), every (which rows are looked at), rare and common (bounds of the share), most (how many).
-- Out: token, the most frequent first.
-- Time bound: rows visible at the survey's time.
WITH seen AS (
    SELECT {words} AS words FROM {table} WHERE {visible} AND {column} IS NOT NULL AND _row % {every} = 0
), tokens AS (
    SELECT unnest(list_distinct(words)) AS token FROM seen
)
SELECT token, count(*) AS texts
FROM tokens
WHERE length(token) BETWEEN 3 AND 40
GROUP BY token
HAVING count(*) >= 2 AND count(*) / (SELECT count(*) FROM seen) BETWEEN {rare} AND {common}
ORDER BY texts DESC, token
LIMIT {most}
