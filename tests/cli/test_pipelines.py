"""The commands about pipelines: what they print, and with which code they end."""

import json
import sys

import pytest

from tests.cli.calls import call
from tests.pipeline.workshop import write_project

CHECK = 'name = "look"\nproject = "shop"\nsteps = ["check"]\ntasks = ["churn"]\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a project and a pipeline that checks it, and is where the command is called."""
    write_project(tmp_path / "shop")
    (tmp_path / "look.toml").write_text(CHECK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test__run_and_runs__json__results_and_log_are_objects(folder, monkeypatch, capsys):
    assert call(monkeypatch, "run", "look.toml", "--json") == 0
    said = capsys.readouterr()
    assert [(step["unit"], step["status"], step["rows"]) for step in lines(said.out)] == [("check", "done", 95)]
    assert {"pipeline: check"} <= {line["message"] for line in lines(said.err)}
    assert all(set(line) >= {"time", "level", "logger"} for line in lines(said.err))
    (folder / "look.toml").write_text(CHECK.replace('"churn"', '"chrun"'), encoding="utf-8")
    assert call(monkeypatch, "run", "look.toml", "--as-of", "2025-03-01", "--json") == 3
    assert lines(capsys.readouterr().out)[0]["error"] == "TaskError"
    assert call(monkeypatch, "runs", "--project", "shop", "--json") == 0
    found = lines(capsys.readouterr().out)
    assert [(run["status"], run["as_of"], run["steps"]) for run in found] == [
        ("failed", "2025-03-01", {"failed": 1}),
        ("done", "2025-04-01", {"done": 1}),
    ]
    assert found[1]["cpu"] > 0
    assert call(monkeypatch, "runs", found[1]["run"], "--pipeline", "look.toml", "--json") == 0
    (step,) = lines(capsys.readouterr().out)
    assert (step["unit"], step["status"], step["rows"], step["attempts"]) == ("check", "done", 95, 1)
    assert step["cpu"] > 0
    assert step["outputs"][0].endswith("database.json")


def test__runs__for_a_reader__one_line_a_run_and_errors_below(folder, monkeypatch, capsys):
    assert call(monkeypatch, "runs", "--project", "shop") == 0
    assert capsys.readouterr().out.startswith("no run yet in shop")
    (folder / "look.toml").write_text(CHECK.replace('"churn"', '"chrun"'), encoding="utf-8")
    assert call(monkeypatch, "run", "look.toml") == 3
    capsys.readouterr()
    assert call(monkeypatch, "runs", "last", "--pipeline", "look.toml") == 0
    said = capsys.readouterr().out
    assert "look" in said.splitlines()[0]
    assert "failed" in said.splitlines()[0]
    assert "TaskError: no task 'chrun'" in said
    assert call(monkeypatch, "runs", "nonsense", "--project", "shop") == 2
    assert "no run 'nonsense'" in capsys.readouterr().err


def test__backfill__says_every_night_and_ends_with_the_first_failure(folder, monkeypatch, capsys):
    (folder / "look.toml").write_text(CHECK + '[ready]\nfresh = "3 days"\n', encoding="utf-8")
    words = ("backfill", "look.toml", "--from", "2025-04-02", "--to", "2025-04-04", "--json")
    assert call(monkeypatch, *words) == 6
    assert [(night["as_of"], night["exit_code"]) for night in lines(capsys.readouterr().out)] == [
        ("2025-04-02", 0),
        ("2025-04-03", 0),
        ("2025-04-04", 6),
    ]


@pytest.mark.slow
def test__backfill__parallel__nights_are_processes_of_the_command(folder, monkeypatch, capsys):
    words = ("backfill", "look.toml", "--from", "2025-03-01", "--to", "2025-03-15", "--every", "7 days", "--parallel", "2")
    assert call(monkeypatch, *words) == 0
    assert capsys.readouterr().out.count("done") == 3


def test__schedule__printed_or_written__for_a_pipeline_that_is_sound(folder, monkeypatch, capsys):
    assert call(monkeypatch, "schedule", "cron", "look.toml", "--at", "04:05", "--every", "week") == 0
    said = capsys.readouterr().out
    assert f"5 4 * * 1  cd {folder} && " in said
    assert sys.executable.rpartition("/")[0] in said
    assert call(monkeypatch, "schedule", "systemd", "look.toml", "--out", "units") == 0
    assert sorted(path.name for path in (folder / "units").iterdir()) == ["rdl-look.service", "rdl-look.timer"]
    assert call(monkeypatch, "schedule", "kubernetes", "look.toml") == 0
    assert call(monkeypatch, "schedule", "at", "look.toml") == 2
    assert call(monkeypatch, "schedule", "cron", "lok.toml") == 3
