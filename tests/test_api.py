"""The Python API says what the command says."""

from dataclasses import replace
from pathlib import Path

import pytest

import rdl
from tests.model.world import TREES, tables, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("api") / "p", tables()).project.root


def test__open_train_predict__round_trip(folder: Path, tmp_path: Path) -> None:
    project = rdl.open(folder)
    assert project.tasks == ("active", "spend")
    model = rdl.train(project.task("active"), "2025-05-11", replace(TREES, members=("entity",)))
    whole = model.predict(as_of="2025-05-11")
    assert whole.column_names == ["user", "cutoff", "prediction"]
    some = model.predict(["u3", "u1"], as_of="2025-05-11")
    assert some["user"].to_pylist() == ["u3", "u1"]
    model.save(tmp_path / "model")
    assert project.load(tmp_path / "model").predict(["u3", "u1"], as_of="2025-05-11").equals(some)


def test__evaluate__regime__is_scored(folder: Path) -> None:
    found = rdl.open(folder).task("spend").evaluate("frozen", replace(TREES, members=("entity",)))
    assert found.rows > 0
    assert found.metrics["blend"]["mae"] > 0


def test__predict__unknown_key__is_refused(folder: Path) -> None:
    project = rdl.open(folder)
    model = rdl.train(project.task("active"), "2025-05-11", replace(TREES, members=("entity",)))
    with pytest.raises(rdl.RdlError, match="unknown user 'nobody'"):
        model.predict(["u1", "nobody"])


def test__module__unknown_name__is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = rdl.nonsense
