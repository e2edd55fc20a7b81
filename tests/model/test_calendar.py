"""Cutoffs on calendar starts or listed, from labels to predictions at any moment."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.evaluate import Regime, evaluate
from rdl.model import fit_model
from rdl.task import Seeds, find_task, mature_cutoffs, past_labels, phase
from rdl.timeline import DAY, format_time, parse_time
from tests.model.world import TREES, tables, write

SPACINGS = {
    "month": ('every = "month"', "2025-04-01", "2025-05-01"),
    "week": ('every = "week"\nstart = 2025-01-20', "2025-04-07", "2025-05-05"),
    "list": ("cutoffs = [2025-01-20, 2025-02-10, 2025-03-05, 2025-03-20, 2025-04-10, 2025-05-02]", "2025-04-10", "2025-05-02"),
}


@pytest.fixture(params=SPACINGS)
def asked(request, tmp_path):
    spacing, validate, test = SPACINGS[request.param]
    database = write(tmp_path / "p", tables())
    path = database.project.root / "sql" / "tasks" / "active.sql"
    text = path.read_text().replace("validate = 2025-04-11", f"{spacing}\nvalidate = {validate}").replace("2025-05-11", test)
    path.write_text(text)
    return database, find_task(database, "active")


@pytest.mark.slow
def test__training__on_any_spacing_predicts_at_any_moment(asked):
    database, task = asked
    as_of = database.span[1]
    model = fit_model(database, task, as_of, TREES)
    assert model.facts["rows"] > 0
    for moment in (parse_time("2025-05-02"), as_of):
        seeds = Seeds.at(np.arange(20), np.full(20, moment))
        together = model.predict(database, seeds).prediction
        assert ((together >= 0) & (together <= 1)).all()
        history = past_labels(database, task, seeds.cutoff)
        assert history.time.max() == moment - 1, "a label that matured this very instant"


def test__training_cutoffs__lie_on_the_spacing(asked):
    database, task = asked
    cutoffs = mature_cutoffs(task, database.span[1], database.span)
    if task.listed:
        assert set(cutoffs.tolist()) <= set(task.listed)
    elif task.calendar == "month":
        assert [format_time(int(c)) for c in cutoffs][-3:] == ["2025-03-01", "2025-04-01", "2025-05-01"]
    else:
        assert (np.diff(cutoffs) == 7 * DAY).all()
    assert set(phase(task, cutoffs).tolist()) == {0}


@pytest.mark.slow
def test__rolling_backtest__on_weeks(tmp_path):
    spacing, validate, test = SPACINGS["week"]
    database = write(tmp_path / "p", tables())
    path = database.project.root / "sql" / "tasks" / "active.sql"
    text = path.read_text().replace("validate = 2025-04-11", f"{spacing}\nvalidate = {validate}").replace("2025-05-11", test)
    path.write_text(text)
    found = evaluate(database, find_task(database, "active"), Regime.ROLLING, replace(TREES, folds=1))
    assert found.cutoffs >= 2
    assert found.fits[0] == "2025-05-05"
