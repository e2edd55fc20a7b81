-- The fact rows of one block as the kernels read them.
-- In: key, time (expressions over f and the chain's parents), source, joins, wanted (which keys), columns.
-- Out: _key, _time, _row, and the columns, in no order.
-- Time bound: none here, rows that are never visible are left out; the bound is applied to the places of points among the rows.
SELECT CAST({key} AS BIGINT) AS _key, {time} AS _time, f._row AS _row{columns}
FROM {source} f
{joins}
WHERE {wanted} AND {time} < {never}
