-- What the label query says of those whom the population query asks about.
-- Inputs: label and population, SELECTs; cutoff and target, columns of theirs; alike, that a row q of the population and a row b of the
-- labels have the same key; table, of the entities; same, that a row q of the population and an entity e have the same key.
-- Outputs: _entity BIGINT, -1 where a key names no entity; the cutoff; the target; _labelled, whether the label query has the pair.
-- Time bound: the queries' own.
WITH _rdl_label AS ({label}
), _rdl_asked AS ({population}
)
SELECT coalesce(e._row, -1) AS _entity, q.{cutoff}, b.{target}, b.{cutoff} IS NOT NULL AS _labelled
FROM _rdl_asked q
LEFT JOIN _rdl_label b ON b.{cutoff} = q.{cutoff} AND {alike}
LEFT JOIN rows.{table} e ON {same}
