-- Keys that stand in several rows: the first few, and how many rows repeat a key in all.
-- inputs:  {source}, a SELECT of the rows; {keys}, "column" AS k0, ...; {shown}, the key as text; {order}, k0, ...
-- output:  key, its rows, rows beyond the first of their key
-- bound:   none: a key names one row at all times
WITH doubled AS (
  SELECT {keys}, count(*) AS number
  FROM ({source})
  GROUP BY ALL
  HAVING count(*) > 1
)
SELECT {shown}, number, sum(number - 1) OVER ()
FROM doubled
ORDER BY {order}
LIMIT 3
