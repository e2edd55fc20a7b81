"""The command: exit codes, messages that name the place and the fix, one JSON object a line."""

import json
from pathlib import Path

import pytest

from tests.cli.calls import call
from tests.model.world import tables, write
from tests.projects import write_shop


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("cli") / "p", tables()).project.root


def test__tasks__json__one_object_a_line(world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "tasks", "--project", world, "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [f["task"] for f in found] == ["active", "spend"]
    assert found[0]["splits"]["train"]["rows"] > 0


def test__check__dirt__is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shop = write_shop(tmp_path / "shop")
    assert call(monkeypatch, "check", "--project", shop) == 0
    said = capsys.readouterr().out
    assert "values that name no row; no such row in customers" in said
    assert "rows without a time; never visible" in said
    assert call(monkeypatch, "check", "--project", shop, "--json") == 0
    tables = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(t["table"], t["rows"], t["key"], t["time"]) for t in tables] == [
        ("customers", 3, ["customer_id"], "created_at"),
        ("orders", 5, ["order_id"], "ordered_at"),
    ]
    assert {(f["check"], f["column"], f["count"]) for f in tables[1]["findings"]} >= {("dangling", "customer_id", 1)}


@pytest.mark.slow
def test__evaluate__out_and_report__are_written(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, page = tmp_path / "p.parquet", tmp_path / "r.html"
    words = ("evaluate", "active", "--regime", "fresh", "--members", "entity", "--project", world, "--out", out, "--report", page)
    assert call(monkeypatch, *words) == 0
    assert out.stat().st_size > 0
    assert "Regime fresh" in page.read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tasks", "--project", "nowhere"), 3, "no such folder: nowhere"),
        (("train", "activ", "--project", "WORLD"), 3, "did you mean 'active'?"),
        (("train", "active", "--project", "WORLD", "--members", "featurs"), 2, "did you mean 'features'?"),
        (("train", "active", "--project", "WORLD", "--as-of", "soon"), 3, "not a time: 'soon'"),
        (("train", "active", "--project", "WORLD", "--as-of", "2025-01-15"), 3, "at least 3 are needed"),
        (("evaluate", "active", "--project", "WORLD", "--regime", "frosen"), 2, "did you mean 'frozen'?"),
        (("evaluate", "active", "--project", "WORLD", "--out", "x.parquet"), 2, "one regime's predictions"),
        (("score", "active", "--project", "WORLD", "--out", "x.parquet"), 2, "train it first: rdl train active"),
        (("run", "nonsense"), 3, "no pipeline 'nonsense'"),
        (("tasks", "--nonsense"), 2, "--nonsense"),
    ],
)
def test__bad_input__exit_code_and_message(
    words: tuple[str, ...], code: int, said: str, world: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *(str(world) if w == "WORLD" else w for w in words)) == code
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test__error__json__is_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "tasks", "--project", tmp_path, "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert found["error"] == "ProjectError"
    assert found["fix"]
