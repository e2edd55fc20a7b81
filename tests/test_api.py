"""The Python API says what the command says."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import rdl
from tests.mlops.market import write_market
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


@pytest.mark.slow
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


@pytest.mark.slow
def test__predict__keys_of_several_columns__as_tuples_dicts_and_tables(tmp_path: Path) -> None:
    write_market(tmp_path / "market")
    task = rdl.open(tmp_path / "market").task("multiclass")
    model = rdl.train(task, settings=replace(TREES, members=("entity",)))
    found = model.predict([("S3", 2), ("S0", 1)])
    assert found.column_names == ["shop", "till", "cutoff", "prediction", "probabilities", "possible"]
    assert (found["shop"].to_pylist(), found["till"].to_pylist()) == (["S3", "S0"], [2, 1])
    assert model.predict([{"till": 2, "shop": "S3"}, {"till": 1, "shop": "S0"}]).equals(found)
    assert model.predict(pl.DataFrame({"shop": ["S3", "S0"], "till": [2, 1]})).equals(found)
    with pytest.raises(rdl.RdlError, match="unknown shop 'S3', till 9"):
        model.predict([("S3", 9)])
