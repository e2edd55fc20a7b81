"""The whole plan of the demo shop, at one late cutoff: wide queries over strings, which DuckDB 2.0.0 does not always survive."""

from pathlib import Path

import numpy as np
import pytest

from rdl.database import open_database
from rdl.database.demo import write_demo
from rdl.features import PlanSettings, compute_features, plan_features, survey_database
from rdl.project import open_project
from rdl.task import find_task, past_labels, population_at
from rdl.timeline import parse_time


@pytest.mark.slow
def test__compute_features__demo_shop__fills_every_family(tmp_path: Path) -> None:
    write_demo(tmp_path / "shop", 3000)
    database = open_database(open_project(tmp_path / "shop"))
    task = find_task(database, "churn")
    as_of = parse_time("2025-12-22")
    seeds = population_at(database, task, np.array([as_of]))
    history = past_labels(database, task, seeds.cutoff)
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, task.entity_table, as_of)
    plan = plan_features(database.schema, task.entity_table, PlanSettings(task.horizon), survey)
    matrix = database.run(lambda engine: compute_features(plan, engine, seeds, history))
    filled = dict.fromkeys(plan.families, 0.0)
    for name, column in zip(matrix.families, matrix.values.T, strict=True):
        filled[name] = max(filled[name], float(np.mean(~np.isnan(column))))
    assert len(seeds) > 50
    assert all(share > 0.3 for share in filled.values()), filled  # two in five have a ticket with words
