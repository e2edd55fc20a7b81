-- Of the rows for which every parent's time is known, those in which one parent's time is the latest.
-- In: table, joins (LEFT JOINs of the parents), known, last, keep (conditions).  Out: one row.
-- Time bound: none; the shape of a database is read from all of it.
SELECT count(*) FILTER ({known}), count(*) FILTER ({known} AND {last}) FROM (SELECT * FROM {table} WHERE {keep}) t
{joins}
