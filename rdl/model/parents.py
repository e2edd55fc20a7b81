"""Last parents: what the last row of an entity that was visible points at (the driver's last team), read off the schema.

Entities that share one at a time are kin then. A row of the entity itself that points at a parent counts as such a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rdl.database import Schema, load_sql, quote
from rdl.errors import SchemaError, nearest
from rdl.model.inputs import Source
from rdl.task import Seeds
from rdl.timeline import visible_sql

Int = NDArray[np.int64]


@dataclass(frozen=True)
class LastParent:
    """A way from an entity to a parent.

    Attributes:
        name: `table.reference@parent` as in the features' names; `table@parent` of the entity's own rows.
        facts: the table whose last visible row is asked.
        own: its column of dense entity rows.
        column: its column of dense parent rows.
        parent: the parent's table.
    """

    name: str
    facts: str
    own: str
    column: str
    parent: str


def last_parents(schema: Schema, entity: str) -> tuple[LastParent, ...]:
    """Every way from an entity's last rows, and from its own one, to a parent, in a stable order."""
    return tuple(_ways(schema, entity))


def _ways(schema: Schema, entity: str) -> Iterator[LastParent]:
    for reference in schema[entity].references:
        yield LastParent(f"{entity}.@{reference.column}", entity, "_row", f"_ref_{reference.column}", reference.table)
    for child, own in schema.children(entity):
        for reference in child.references:
            if reference.column != own.column:
                name = f"{child.name}.{own.column}.@{reference.column}"
                yield LastParent(name, child.name, f"_ref_{own.column}", f"_ref_{reference.column}", reference.table)


def find_last_parent(source: Source, name: str) -> LastParent | None:
    """The way called `name`, or None where no reference is called so: a category of that name is meant."""
    schema = source.database.schema.hiding(source.task.hide)
    return next((way for way in last_parents(schema, source.task.entity_table) if way.name == name), None)


def parents_of(source: Source, way: LastParent, seeds: Seeds) -> Int:
    """Dense rows [n] of the seeds' last parents, -1 where no row is visible that has one.

    Raises:
        SchemaError: the database has lost the table.
    """
    if way.facts not in source.database.schema.tables:
        raise SchemaError(f"no table {way.facts!r}", where="the database", fix=nearest(way.facts, source.database.schema.tables))
    sql = load_sql("kin/last_parent.sql").format(
        facts=quote(way.facts), own=quote(way.own), parent=quote(way.column), visible=visible_sql("f.time", "s.as_of")
    )
    with source.database.engine() as engine:
        engine.register("seeds", pl.DataFrame({"i": np.arange(len(seeds)), "entity": seeds.entity, "as_of": seeds.as_of}))
        found = engine.numpy(sql)["r"]
    return np.asarray(found, dtype=np.int64)
