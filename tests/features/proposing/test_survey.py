"""A plan is made of what was visible when it was made: how many rows come later decides nothing."""

from pathlib import Path

import pyarrow as pa
import pytest

from rdl.features import FeaturePlan, PlanSettings, plan_features, survey_database
from rdl.timeline import DAY, to_datetime
from tests.model.world import CUTOFF, tables, write


def plan(folder: Path, content: dict[str, pa.Table]) -> FeaturePlan:
    database = write(folder, content)
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, "users", CUTOFF)
    return plan_features(database.schema, "users", PlanSettings(10 * DAY), survey)


def test__plan__many_later_rows_in_a_small_table__is_the_same(tmp_path: Path) -> None:
    content = tables()
    later = [
        {"user": f"v{i}", "joined": to_datetime(CUTOFF), "friend": "u1", "favourite": 1, "city": "Mars", "age": 1.0}
        for i in range(400)
    ]
    crowded = pa.concat_tables([content["users"], pa.Table.from_pylist(later, content["users"].schema)])
    assert plan(tmp_path / "now", content) == plan(tmp_path / "later", {**content, "users": crowded})


def test__survey__sample_of_keys__tells_about_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = write(tmp_path, tables())
    with database.engine() as engine:
        whole = survey_database(engine, database.schema, "users", CUTOFF)
        monkeypatch.setattr("rdl.features.proposing.survey.SAMPLE", 400)
        part = survey_database(engine, database.schema, "users", CUTOFF)
    assert part != whole
    assert part.columns == whole.columns
    chain = next(c for c in whole.gaps if str(c) == "events.user")
    assert part.gaps[chain] == pytest.approx(whole.gaps[chain], rel=0.3)
    for pair, turnover in whole.turnover.items():
        assert part.turnover[pair] == pytest.approx(turnover, abs=0.2)
