-- The days on which something happened: how many, the last moment, and the two longest gaps between them.
-- inputs:  {source}, rows with their _time; {lag}, {day}, in microseconds; {first}, {last}, the times that count as events
-- output:  days, last event in microseconds, list of gaps in days, longest first
-- bound:   _time < {last}: what lies in the future did not happen yet
WITH days AS (
  SELECT (_time - {lag}) // {day} - CAST((_time - {lag}) % {day} < 0 AS INTEGER) AS day, max(_time - {lag}) AS moment
  FROM {source}
  WHERE _time > {first} AND _time < {last}
  GROUP BY ALL
), gaps AS (
  SELECT moment, day - lag(day) OVER (ORDER BY day) AS gap
  FROM days
)
SELECT count(*), max(moment), max(gap, 2)
FROM gaps
