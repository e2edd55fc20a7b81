"""Last parents: what looking at every row says, and never a row that is not visible."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.database import Database, quote
from rdl.model.parents import last_parents, parents_of
from rdl.model.related import ENTITY, Kinship, Nodes, known_paths, nodes_of
from rdl.model.training import Training, prepare_training
from rdl.task import find_task
from rdl.timeline import DAY
from tests.model.world import CUTOFF, SMALL, tables, write


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    database = write(tmp_path_factory.mktemp("related") / "p", tables())
    return prepare_training(database, find_task(database, "active"), CUTOFF, SMALL, 0)


def rows_of(database: Database, table: str, *columns: str) -> list[tuple[int, ...]]:
    with database.engine() as engine:
        found = engine.arrow(f"SELECT {', '.join(map(quote, columns))} FROM rows.{quote(table)} ORDER BY _row").to_pylist()
    return [tuple(row.values()) for row in found]


def test__last_parents__are_read_off_the_schema(training: Training) -> None:
    names = [way.name for way in last_parents(training.source.database.schema, "users")]
    expected = ["users.@friend", "users.@favourite", "events.user.@item", "users.friend.@favourite"]
    assert names == expected
    hidden = training.source.database.schema.hiding((("events", "item"),))
    assert "events.user.@item" not in [way.name for way in last_parents(hidden, "users")]


@pytest.mark.parametrize("name", ["users.@favourite", "events.user.@item", "users.friend.@favourite"])
def test__parents_of__is_what_looking_at_every_row_says(training: Training, name: str) -> None:
    database, seeds = training.source.database, training.labels.seeds
    way = next(way for way in last_parents(database.schema, "users") if way.name == name)
    stale = seeds.stale(np.random.default_rng(0).integers(0, 40, len(seeds)) * DAY)
    rows = rows_of(database, way.facts, way.own, way.column, "_time")
    slow = []
    for entity, as_of in zip(stale.entity, stale.as_of, strict=True):
        seen = [(time, i) for i, (own, parent, time) in enumerate(rows) if own == entity and parent is not None and time < as_of]
        slow.append(rows[max(seen)[1]][1] if seen else -1)
    found = parents_of(training.source, way, stale)
    assert np.array_equal(found, slow)
    assert -1 in found
    assert len(np.unique(found)) > 3


def test__known_paths__the_parent_that_tells_the_target_comes_first(training: Training) -> None:
    examples = training.examples
    way = next(w for w in last_parents(training.source.database.schema, "users") if w.name == "events.user.@item")
    parent = parents_of(training.source, way, examples.inputs.seeds)
    told = replace(examples, labels=replace(examples.labels, target=(parent % 3 == 0).astype(np.float64)))
    paths = known_paths(told, training.source, 1)
    assert paths == (ENTITY, "events.user.@item")
    nodes = nodes_of(told.inputs, training.source, paths, sources=True)
    assert len(np.unique(nodes.groups["events.user.@item"])) == len(np.unique(parent))
    again = Nodes.from_table(nodes.to_table(), paths)
    for kinship in (Kinship(paths, 0.5, 1e12), Kinship(paths, 0.5, 1e12, (1.0, 3.0), 2)):
        eye = np.eye(len(nodes))
        assert np.array_equal(again.smoothing(kinship).push(eye), nodes.smoothing(kinship).push(eye))
