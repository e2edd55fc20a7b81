"""A plan is made of what was visible when it was made: how many rows come later decides nothing."""

from pathlib import Path

import pyarrow as pa

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
