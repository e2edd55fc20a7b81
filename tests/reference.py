"""The slow, obvious oracles that the fast code is held against: plain Python, one row at a time."""


def temporal_subgraph(tables, references, entity_table, entity, as_of, hops):
    """Everything one seed may reach in `hops` hops.

    `tables` maps a table to its rows' times, `references` maps (child, column, parent) to the parent's row of every child
    row, -1 for none. Returns ({(table, row): hop first reached}, [(hop, edge type, source row, destination row)]).
    """

    def visible(table, row):
        return tables[table][row] < as_of

    def neighbours(table, row):
        for (child, column, parent), keys in references.items():
            if parent == table:
                for source, key in enumerate(keys):
                    if key == row and visible(child, source):
                        yield (child, column, parent), child, source
            if child == table and visible(table, row) and keys[row] >= 0 and visible(parent, keys[row]):
                yield (parent, f"rev_{column}", child), parent, keys[row]

    reached, edges, frontier = {(entity_table, entity): 0}, [], [(entity_table, entity)]
    for hop in range(1, hops + 1):
        found = []
        for table, row in frontier:
            for edge, source_table, source in neighbours(table, row):
                edges.append((hop, edge, source, row))
                if (source_table, source) not in reached:
                    reached[source_table, source] = hop
                    found.append((source_table, source))
        frontier = found
    return reached, edges
