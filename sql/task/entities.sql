-- A user's query with dense entity rows in place of its keys; -1 where a key names no entity.
-- Inputs: query, a SELECT; columns, of its result to keep; table, of the entities; same, that a row q of the result and an entity e
-- have the same key, column for column.
-- Outputs: _entity BIGINT, and the columns, in any order. Time bound: the query's own; an entity's row id tells nothing but which it is.
SELECT coalesce(e._row, -1) AS _entity{columns} FROM ({query}
) q LEFT JOIN rows.{table} e ON {same}
