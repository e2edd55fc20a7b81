"""`rdl features`: every feature in words before a fit, its SQL, and what is unknown named with what is near."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tests.cli.calls import call
from tests.model.world import tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    content = tables()
    nothing = pa.nulls(len(content["users"]), pa.float64())
    content["users"] = content["users"].append_column("nothing", nothing)
    return write(tmp_path_factory.mktemp("cli") / "p", content).project.root


def test__features__untrained__lists_what_a_fit_chooses_among(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "features", "active", "--project", world) == 0
    head, tonight, families, *rows = capsys.readouterr().out.splitlines()
    assert "no table of all entities" in tonight
    rows, left = rows[: rows.index("left out:")], rows[rows.index("left out:") + 1 :]
    assert any(line.strip().startswith("users.nothing: it has no visible value") for line in left)
    assert head.startswith(f"active: {len(rows)} features, of which a fit keeps")
    assert "target" in families
    assert any(row.split()[0] == "events.user.count.all" and "number of the user's events over all time" in row for row in rows)
    assert call(monkeypatch, "features", "active", "--project", world, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["trained"], len(said["plan"]["features"]), said["importance"]) == (False, len(rows), {})


def test__features__sql__is_that_of_the_feature_and_of_what_it_is_the_difference_of(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "features", "active", "--project", world, "--json") == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    difference = next(f for f in plan["features"] if f["operands"])
    assert call(monkeypatch, "features", "active", "--sql", difference["name"], "--project", world) == 0
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.startswith("-- ") and f": {difference['provenance']}" in line]
    assert all(f"-- {operand}: " in told for operand in difference["operands"])
    assert told.count("CREATE OR REPLACE TEMP TABLE feature_facts") == 2
    assert call(monkeypatch, "features", "active", "--sql", "calendar.year", "--project", world) == 0
    assert "computed from the cutoff alone" in capsys.readouterr().out


def test__features__unknown_name__names_the_nearest(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "features", "active", "--sql", "events.user.count.al", "--project", world) == 2
    assert "events.user.count.all" in capsys.readouterr().err


def test__features__materialise_without_a_model__says_what_to_do(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "features", "active", "--materialise", "--project", world) == 2
    assert "rdl train active" in capsys.readouterr().err
