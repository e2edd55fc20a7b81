"""Which words RelBench has for a table, and what is said where it has none."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.errors import SchemaError
from rdl.task.relbench.export_tables import plan_tables, write_table
from tests.projects import opened, write_project

TOML = """
[database]
source = "data"
[tables.people]
key = "id"
[tables.passes]
key = "id"
time = "made"
references = { id = "people" }
[tables.visits]
key = ["id", "place"]
time = "made"
references = { id = "people", mail = "people.mail" }
[tables.stays]
time = "made"
references = { "id,place" = "visits" }
"""


def write(folder: Path, toml: str = TOML) -> Path:
    """People, one pass each at most, visits by person and place, stays of visits; times in three types, keys in two."""
    write_project(folder, toml)
    days = pa.array([3, 1, 2], pa.date32())
    zoned = pa.array([30, 10, None], pa.timestamp("s", "Europe/Zurich"))
    ids = pa.array(["c", "a", "b"])
    tables = {
        "people": {"id": ids, "mail": ["C", "A", "B"]},
        "passes": {"id": ids, "made": days},
        "visits": {"id": ids, "place": [1, 1, 2], "mail": ["B", "X", "A"], "made": zoned},
        "stays": {"id": ids, "place": [1, 1, 9], "made": pa.array([3, 1, 2], pa.timestamp("ns"))},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")
    return folder


def test__rows__stand_in_the_order_of_time_under_their_positions(project_folder, tmp_path):
    database = opened(write(project_folder))
    plans, notes = plan_tables(database.schema)
    for plan in plans:
        write_table(database, plan, tmp_path)
    found = {plan.name: pq.read_table(tmp_path / "db" / f"{plan.name}.parquet") for plan in plans}
    assert {plan.name: (plan.key, dict(plan.references)) for plan in plans} == {
        "people": ("id", {}),
        "passes": (None, {"id": "people"}),
        "visits": (None, {"id": "people", "mail": "people"}),
        "stays": (None, {}),
    }
    assert found["people"].to_pydict() == {"id": [0, 1, 2], "mail": ["A", "B", "C"]}
    assert pq.read_table(tmp_path / "keys" / "people.parquet").to_pydict() == {"row": [0, 1, 2], "id": ["a", "b", "c"]}
    assert found["passes"]["id"].to_pylist() == [0, 1, 2]
    assert found["visits"]["mail"].to_pylist() == [None, 1, 0]
    assert found["visits"]["made"].cast(pa.int64()).to_pylist() == [10_000_000, 30_000_000, None]
    for name in ("passes", "visits", "stays"):
        assert found[name]["made"].type == pa.timestamp("us")
    assert [note.split(":")[0] for note in notes] == ["passes", "stays", "visits"]
    assert "id,place to visits has no word" in "\n".join(notes)


@pytest.mark.parametrize(
    ("toml", "match"),
    [
        (TOML + '[tables.more]\ntime = false\nreferences = { pass = "passes" }\n', "a reference too, and other tables name it"),
        (TOML.replace("made", "class"), "cannot ask for the time 'class'"),
    ],
)
def test__what_relbench_would_stumble_over__is_refused(project_folder, toml, match):
    write(project_folder, toml)
    if "more" in toml:
        pq.write_table(pa.table({"pass": ["a"]}), project_folder / "data" / "more.parquet")
    else:
        for path in (project_folder / "data").glob("*.parquet"):
            table = pq.read_table(path)
            pq.write_table(table.rename_columns(["class" if c == "made" else c for c in table.column_names]), path)
    with pytest.raises(SchemaError, match=match):
        plan_tables(opened(project_folder).schema)
