"""`rdl export`: a project as RelBench's folder, predictions as its submission."""

import json

import pyarrow.parquet as pq
import pytest

from rdl.task import find_task, list_tasks
from rdl.task.catalog import read_catalog
from tests.cli.calls import call
from tests.projects import opened, write_project
from tests.task.relbench.test_export import BUSY, header, shop
from tests.task.relbench.test_predictions import predicted

relbench = pytest.importorskip("relbench")


def test__export__relbench__writes_what_relbench_loads(tmp_path, monkeypatch, capsys):
    folder = shop(tmp_path / "p", busy=header("busy") + BUSY)
    assert call(monkeypatch, "export", "relbench", tmp_path / "out", "--project", folder, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["tasks"], said["tables"]) == ({"busy": "forecast"}, ["customers", "lines", "orders"])
    assert relbench.load_dataset(tmp_path / "out").get_task_names() == ["busy"]
    assert call(monkeypatch, "export", "relbench", tmp_path / "out", "--project", folder, "--test", "2025-02-01") == 2
    assert "only one of the two dates" in capsys.readouterr().err


def test__export__predictions__writes_a_submission(rel_f1, rel_f1_folder, tmp_path, monkeypatch, capsys):
    pq.write_table(predicted(rel_f1, "driver-dnf")[0], tmp_path / "p.parquet")
    words = ("export", "predictions", "driver-dnf", tmp_path / "p.parquet", "--out", tmp_path / "all")
    assert call(monkeypatch, *words, "--project", rel_f1_folder, "--home", rel_f1.project.home) == 0
    assert "702 predictions" in capsys.readouterr().out
    lines = (tmp_path / "all" / "rel-f1__driver-dnf.csv").read_text().splitlines()
    assert (lines[0], len(lines)) == ('"driverId","date","did_not_finish"', 703)


def test__relbench_source__has_the_tasks_of_its_folder(rel_f1_folder, tmp_path):
    (tmp_path / "sql" / "tasks").mkdir(parents=True)
    write_project(tmp_path, f'[database]\nsource = "relbench://{rel_f1_folder}"\n')
    database = opened(tmp_path)
    assert list(list_tasks(database)) == ["driver-dnf", "driver-position", "driver-top3"]
    assert find_task(database, "driver-dnf").evaluations == 40
    own = header("own").replace("customers", "drivers") + "SELECT c.cutoff, d.driverId, true AS label FROM cutoffs c, drivers d"
    (tmp_path / "sql" / "tasks" / "own.sql").write_text(own)
    assert "own" in {**read_catalog(database).tasks, **read_catalog(database).broken}


def test__tasks__shows_a_broken_one_with_its_error_beside_the_others(tmp_path, monkeypatch, capsys):
    folder = shop(tmp_path / "p", busy=header("busy") + BUSY, torn=header("torn", "binry") + BUSY)
    (folder / "sql" / "tasks" / "a_fails.sql").write_text(header("a_fails") + BUSY.replace("AS label", "+ o.nothing AS label"))
    assert call(monkeypatch, "tasks", "--project", folder) == 3
    said = capsys.readouterr().out
    assert "busy: binary on customers" in said
    assert "torn: cannot be asked" in said
    assert "a_fails: cannot be asked" in said
    assert "binry" in said
