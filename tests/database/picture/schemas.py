"""Schemas to draw."""

import random

from rdl.database.schema import Column, Reference, Schema, Semantic, Table


def table(name: str, *references: Reference, time: str | None = None, others: int = 3, rows: int = 1000) -> Table:
    """A table with the key NAME_id, its references and some other columns."""
    structural = [f"{name}_id", *dict.fromkeys(c for r in references for c in r.columns)]
    columns = [Column(c, Semantic.IDENTIFIER, "BIGINT") for c in structural]
    columns += [Column(time, Semantic.TIMESTAMP, "TIMESTAMP")] if time else []
    columns += [Column(f"attribute_{i}", Semantic.NUMERIC, "DOUBLE") for i in range(others)]
    return Table(name, (f"{name}_id",), time, 0, references, tuple(columns), rows)


def schema(*tables: Table) -> Schema:
    """The tables by name."""
    return Schema({t.name: t for t in tables})


def to(parent: str, column: str | None = None) -> Reference:
    """A reference to the key of `parent`."""
    return Reference(column or f"{parent}_id", parent)


def thirty(seed: int = 0) -> Schema:
    """Thirty tables that refer to earlier ones, some to themselves and some twice to one."""
    draw = random.Random(seed)
    names = [f"table_{i:02}" for i in range(30)]
    tables = []
    for i, name in enumerate(names):
        parents = draw.sample(names[:i], min(i, draw.choice([0, 1, 1, 2, 2, 3])))
        references = [to(parent) for parent in parents]
        references += [to(name, f"parent_{name}")] if i % 7 == 3 else []
        references += [to(parents[0], f"second_{parents[0]}")] if i % 6 == 5 and parents else []
        time = f"{name}_at" if draw.random() < 0.6 else None
        tables.append(table(name, *references, time=time, others=draw.randrange(20), rows=draw.randrange(10**7)))
    return schema(*tables)


def star(points: int = 29) -> Schema:
    """One table of facts that refers to all others."""
    names = [f"dimension_{i:02}" for i in range(points)]
    return schema(table("fact", *map(to, names), time="fact_at"), *map(table, names))


def sun(points: int = 29) -> Schema:
    """One table that all others refer to."""
    return schema(table("hub"), *(table(f"ray_{i:02}", to("hub")) for i in range(points)))


def ring(length: int = 5) -> Schema:
    """Tables that refer to each other in a circle."""
    return schema(*(table(f"ring_{i}", to(f"ring_{(i + 1) % length}")) for i in range(length)))


def chain(length: int = 7) -> Schema:
    """Each table refers to the one before it and to the first."""
    return schema(
        *(
            table(f"link_{i}", *([to(f"link_{i - 1}")] if i else []), *([to("link_0", "first")] if i > 1 else []))
            for i in range(length)
        )
    )


def islands(count: int = 30) -> Schema:
    """Tables that know nothing of each other."""
    return schema(*(table(f"island_{i:02}", others=i) for i in range(count)))
