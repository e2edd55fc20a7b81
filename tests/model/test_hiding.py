"""What a task must not see, neither features nor graph nor a saved model's schema of the plan read; its label still may."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.errors import SchemaError
from rdl.model import fit_model, load_model, save_model
from rdl.model.inputs import Source
from rdl.task import find_task, population_at
from tests.model.world import CUTOFF, TREES, tables, write

HIDE = (("events", "kind"), ("users", "city"), ("users", "friend"))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write(tmp_path_factory.mktemp("world") / "p", tables())


@pytest.mark.slow
def test__hidden_columns__are_in_no_feature_nor_in_the_graph(world, tmp_path):
    task = find_task(world, "active")
    open_, hiding = (fit_model(world, t, CUTOFF, TREES) for t in (task, replace(task, hide=HIDE)))

    def read(model):
        return " ".join(f"{f.name} {f.column} {f.provenance}" for f in model.plan.features)

    for word in ("kind", "city", "friend"):
        assert word not in read(hiding)
    assert "friend" in read(open_) or "city" in read(open_) or "kind" in read(open_)
    graph = Source(world, hiding.task, hiding.plan).graph
    assert not {"kind", "city"} & {name for table in graph.tables.values() for names in table.names.values() for name in names}
    assert "friend" not in {
        reference.column for table in world.hiding(HIDE).schema.tables.values() for reference in table.references
    }
    assert graph.key != Source(world, task, open_.plan).graph.key
    save_model(hiding, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.task.hide == HIDE
    seeds = population_at(world, task, np.array([CUTOFF]))
    assert np.array_equal(again.predict(world, seeds).prediction, hiding.predict(world, seeds).prediction)


@pytest.mark.parametrize("column", [("users", "cty"), ("events", "at"), ("user", "city")])
def test__column_that_is_not_there__or_is_the_time__is_refused(world, column):
    with pytest.raises(SchemaError):
        world.hiding((column,))
