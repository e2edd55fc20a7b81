"""Regimes: who is refitted when, what a stale database shows, and what is written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.boost.calibration import Calibration
from rdl.database import Database
from rdl.errors import DataError
from rdl.evaluate import Regime, evaluate, read_evaluation, write_report
from rdl.evaluate.regimes import backtest
from rdl.task import Split, find_task, split_cutoffs
from rdl.task.population import population_gap
from rdl.timeline import format_time, parse_time
from tests.model.world import TREES, rewrite_future, tables, write

ENTITY = replace(TREES, members=("entity", "features"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("regimes") / "p", tables())


@pytest.mark.slow
def test__rolling__refit_every__fits_at_every_kth_cutoff(world: Database) -> None:
    task = replace(find_task(world, "active"), test=parse_time("2025-04-21"))
    cutoffs = split_cutoffs(task, Split.TEST, world.span)
    found = backtest(world, task, Regime.ROLLING, ENTITY, refit_every=1)
    assert found.fits == tuple(int(c) for c in cutoffs)
    assert len(cutoffs) > 1
    fresh = backtest(world, task, Regime.FRESH, ENTITY)
    first = fresh.labels.seeds.cutoff == cutoffs[0]
    assert np.array_equal(found.prediction[first], fresh.prediction[first])
    assert not np.array_equal(found.prediction[~first], fresh.prediction[~first])


@pytest.mark.slow
def test__frozen__rows_from_the_test_date_on__change_no_prediction(world: Database, tmp_path: Path) -> None:
    task = find_task(world, "active")
    first = backtest(world, task, Regime.FROZEN, ENTITY)
    assert (first.labels.seeds.as_of <= task.test).all()
    other = write(tmp_path / "p", rewrite_future(tables(), 3, cutoff=task.test))
    model = backtest(other, find_task(other, "active"), Regime.FROZEN, ENTITY).model
    assert np.array_equal(model.predict(world, first.labels.seeds).prediction, first.prediction)


@pytest.mark.slow
def test__evaluate__files__hold_what_was_found(world: Database, tmp_path: Path) -> None:
    task = find_task(world, "spend")
    found = evaluate(world, task, "fresh", ENTITY)
    found.write(tmp_path / "e.json")
    found.write_predictions(tmp_path / "p.parquet")
    assert read_evaluation(tmp_path / "e.json", tmp_path / "p.parquet").to_json() == found.to_json()
    written = pq.read_table(tmp_path / "p.parquet")
    assert written.column_names == ["user", "cutoff", "prediction", "lower", "upper"]
    assert written.num_rows == found.rows
    assert set(found.metrics) == {"entity", "features", "blend"}
    assert found.fits == (format_time(task.test),)
    nominal = next(at for at in found.reliability.levels if at.level == 0.9)
    assert (nominal.rows, nominal.share) == (found.rows, found.promises.coverage[0].whole.share)


@pytest.mark.slow
def test__backtest__calibrated_blend__is_told_as_it_was_before(world: Database) -> None:
    task = find_task(world, "active")
    found = backtest(world, task, Regime.FRESH, ENTITY)
    for calibration in (None, Calibration(0.5, (0.25,))):
        model = replace(found.model, choices=replace(found.model.choices, calibration=calibration))
        told = model.predict(world, found.labels.seeds)
        if calibration is None:
            assert told.raw is None
            plain = told.prediction
        else:
            assert np.array_equal(told.raw, plain)
            assert np.array_equal(told.prediction, calibration.apply(plain, task.kind))


def test__read_evaluation__broken_file__is_refused(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(json.dumps({"task": "x"}))
    with pytest.raises(DataError, match="unreadable evaluation"):
        read_evaluation(tmp_path / "e.json", tmp_path / "p.parquet")


SVG = "http://www.w3.org/2000/svg"
"""The name of a namespace: nothing is fetched from there."""


@pytest.mark.slow
def test__write_report__page__says_the_verdict_and_needs_no_network(world: Database, tmp_path: Path) -> None:
    task = find_task(world, "active")
    found = [evaluate(world, task, regime, ENTITY) for regime in ("frozen", "fresh")]
    write_report(tmp_path / "r.html", world, task, found)
    page = (tmp_path / "r.html").read_text()
    assert "Regime frozen" in page
    assert f"{found[1].headline:.4f}" in page
    assert "http" not in page.replace(SVG, "")
    assert "<script" not in page


@pytest.mark.slow
def test__evaluation__tells_how_far_those_scored_differ_from_those_asked_about(world: Database, tmp_path: Path) -> None:
    task = replace(find_task(world, "active"), population_sql=None)
    found = evaluate(world, task, "fresh", ENTITY)
    gap = population_gap(world, task)
    assert gap is not None
    assert found.facts["population_gap"] == gap.to_json()
    write_report(tmp_path / "r.html", world, task, [found])
    assert f"Beware: {gap.sentence()}." in (tmp_path / "r.html").read_text()
