"""The audit finds what reads the future, and passes what does not."""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest

from rdl.database import Database
from rdl.database.until import until
from rdl.evaluate import audit
from rdl.model import Model, fit_model
from rdl.model.fitted import Predictions
from rdl.task import Seeds, Task, find_task
from rdl.timeline import DAY
from tests.model.world import CUTOFF, SMALL, tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("audit") / "p", tables())


@pytest.fixture(scope="module")
def task(world: Database) -> Task:
    return find_task(world, "active")


@dataclass(frozen=True)
class Counter:
    """Predicts how many events there are: those visible at the cutoff, or, peeking, all of them."""

    task: Task
    peeks: bool

    def predict(self, database: Database, seeds: Seeds) -> Predictions:
        law = "true" if self.peeks else f"_time < {seeds.cutoff[0]}"
        with database.engine() as engine:
            count = engine.numpy(f"SELECT count(*) AS n FROM rows.events WHERE {law}")["n"][0]
        found = np.full(len(seeds), float(count))
        return Predictions(found, {"counter": found})


def test__until__rows_and_references__end_at_the_moment(world: Database) -> None:
    with until(world, CUTOFF) as past:
        for name, table in past.schema.tables.items():
            with past.engine() as engine, world.engine() as whole:
                left = engine.polars(f'SELECT * FROM rows."{name}"')
                there = whole.polars(f'SELECT * FROM rows."{name}" WHERE _time < {CUTOFF}')
                native = engine.polars(f'SELECT * FROM main."{name}"')
            assert len(left) == len(there) == table.rows == len(native)
            assert left["_row"].to_list() == list(range(table.rows))
            for reference in table.references:
                rows = past.schema[reference.table].rows
                kept = there[f"_ref_{reference.column}"].to_list()
                assert left[f"_ref_{reference.column}"].to_list() == [r if r is not None and r < rows else None for r in kept]
        assert past.span[1] < CUTOFF
        assert past.path.is_file()
    assert not past.path.exists()
    assert past.fingerprint != world.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("days", [-30, 0, 7])
def test__audit__every_member__passes_at_any_cutoff(world: Database, task: Task, days: int) -> None:
    found = audit(world, task, fit_model(world, task, CUTOFF, SMALL), CUTOFF + days * DAY)
    assert found.passes, found.sentence()
    assert found.seeds > 20
    assert found.hidden > 100


def test__audit__a_model_that_peeks__is_caught_and_named(world: Database, task: Task) -> None:
    sound, peeking = (audit(world, task, cast("Model", Counter(task, peeks)), CUTOFF) for peeks in (False, True))
    assert sound.passes
    assert f"{sound.seeds} predictions of 2025-05-11 stay as they are without the {sound.hidden:,} later rows" == sound.sentence()
    n = peeking.seeds
    assert peeking.findings == (f"counter changes {n} of {n} predictions", f"the blend changes {n} of {n} predictions")


@pytest.mark.slow
def test__audit__a_population_of_the_future__is_caught(world: Database, task: Task) -> None:
    assert task.population_sql is not None
    sql = task.population_sql.replace("e.at < c.cutoff - INTERVAL 1 HOUR", "e.at < c.cutoff + INTERVAL 9 DAY")
    found = audit(world, replace(task, population_sql=sql), cast("Model", Counter(task, False)), CUTOFF)
    assert any("the population of 2025-05-11" in finding for finding in found.findings), found.findings
