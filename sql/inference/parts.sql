-- A text column as one separator divides it.
-- In: table, column, separator (a string), keep (a condition).
-- Out: values, different values, divided values, parts, different parts, mean words a part, parts that are numbers.
-- Time bound: none; the shape of a database is read from all of it.
WITH seen AS (
    SELECT CAST({column} AS VARCHAR)[:400] AS value FROM {table} WHERE {keep} AND {column} IS NOT NULL
), parts AS (
    SELECT trim(unnest(string_split(value, {separator}))) AS part FROM seen
)
SELECT
    (SELECT count(*) FROM seen), (SELECT count(DISTINCT value) FROM seen), (SELECT count(*) FROM seen WHERE contains(value, {separator})),
    count(*), count(DISTINCT part), coalesce(avg(length(part) - length(replace(part, ' ', '')) + 1), 0),
    count(*) FILTER (TRY_CAST(part AS DOUBLE) IS NOT NULL)
FROM parts
