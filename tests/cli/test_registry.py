"""The commands about the registry, on a registry of small tags; the models behind them are tested in tests/mlops."""

import json
from pathlib import Path

import pytest

from rdl.mlops import Promotion, Version
from tests.cli.calls import call
from tests.mlops.shop import write_shop


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions without files, the first of them champion; no test changes them."""
    from rdl.mlops.store import find_store
    from rdl.project import open_project

    folder = tmp_path_factory.mktemp("registry") / "shop"
    write_shop(folder)
    client = find_store(open_project(folder)).client()
    client.create_registered_model("churn")
    tags = {"rdl.as_of": "2025-11-01", "rdl.metric.fresh.blend.roc_auc": "0.7123", "rdl.gate": "promoted"}
    for more in ({"rdl.gate.reason": "the first version: there is no champion to beat"}, {}):
        client.create_model_version("churn", "file:///nowhere", tags={**tags, **more})
    client.set_registered_model_alias("churn", "champion", "1")
    return folder


def test__models__lists_versions_metrics_and_decisions(
    registry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "models", "churn", "--project", registry) == 0
    text = capsys.readouterr().out
    assert "   1  promoted  <- champion" in text
    assert "fresh roc_auc 0.7123" in text
    assert "the first version: there is no champion to beat" in text
    assert call(monkeypatch, "models", "churn", "--project", registry, "--json") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["champion"], second["champion"]) == (True, False)
    assert first["metrics"] == {"fresh.blend.roc_auc": 0.7123}
    assert first["lineage"] == {"as_of": "2025-11-01"}
    assert call(monkeypatch, "models", "chrun", "--project", registry) == 2
    assert "did you mean 'churn'" in capsys.readouterr().err


@pytest.mark.parametrize(("promoted", "code"), [(True, 0), (False, 4)])
def test__promote__exit_code__says_what_the_gate_said(
    registry: Path, promoted: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Version, dict[str, object]]] = []

    def gate(project: object, database: object, task: object, version: Version, **words: object) -> Promotion:
        asked.append((version, words))
        return Promotion(promoted, "roc_auc 0.71 against 0.70", "1")

    monkeypatch.setattr("rdl.mlops.promote", gate)
    assert call(monkeypatch, "promote", "churn", "--project", registry, "--margin", "0.01", "--force", "as agreed") == code
    version, words = asked[0]
    assert version.number == "2"
    assert words["force"] == "as agreed"
    said = capsys.readouterr()
    assert "roc_auc 0.71 against 0.70" in (said.out if promoted else said.err)


def test__rollback__first_champion__is_the_gates_exit_code(
    registry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "rollback", "churn", "--project", registry) == 4
    assert "is the first champion" in capsys.readouterr().err
