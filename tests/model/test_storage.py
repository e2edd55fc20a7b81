"""A saved model: the same predictions, no pickle, no path of this machine, and nothing parsed before every hash is checked."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.errors import ModelFileError
from rdl.model import Model, fit_model, load_model, save_model
from rdl.task import find_task, population_at
from tests.model.world import CUTOFF, SMALL, tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("stored") / "p", tables())


@pytest.fixture(scope="module")
def model(world: Database) -> Model:
    return fit_model(world, find_task(world, "active"), CUTOFF, replace(SMALL, members=("features", "sage")))


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    save_model(model, tmp_path / "model")
    return tmp_path / "model"


def test__load_model__saved__predicts_identically(world: Database, model: Model, saved: Path) -> None:
    loaded = load_model(saved)
    seeds = population_at(world, model.task, np.array([CUTOFF]))
    assert np.array_equal(loaded.predict(world, seeds).prediction, model.predict(world, seeds).prediction)
    assert loaded.choices == model.choices
    assert loaded.facts == model.facts
    assert replace(loaded.task, path=model.task.path) == model.task


def test__save_model__files__hold_no_code_and_no_path_of_this_machine(world: Database, saved: Path) -> None:
    kinds = {p.suffix for p in saved.rglob("*") if p.is_file()}
    assert kinds == {".json", ".sql", ".ubj", ".safetensors"}
    place = str(world.project.root).encode()
    assert all(place not in p.read_bytes() for p in saved.rglob("*") if p.is_file())


def test__save_model__twice__writes_the_same_bytes(model: Model, saved: Path, tmp_path: Path) -> None:
    save_model(model, tmp_path / "again")
    assert (tmp_path / "again" / "manifest.json").read_text() == (saved / "manifest.json").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "model"]


@pytest.mark.parametrize("suffix", [".json", ".sql", ".ubj", ".safetensors"])
def test__load_model__altered_file__is_refused(saved: Path, suffix: str) -> None:
    path = min(p for p in saved.rglob(f"*{suffix}") if p.name != "manifest.json")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelFileError, match="altered or truncated"):
        load_model(saved)


def test__load_model__truncated_file__is_refused(saved: Path) -> None:
    path = next(saved.rglob("*.ubj"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match=path.name):
        load_model(saved)


def test__load_model__missing_file__is_refused(saved: Path) -> None:
    next(saved.rglob("*.ubj")).unlink()
    with pytest.raises(ModelFileError, match="is missing"):
        load_model(saved)


def test__load_model__added_file__is_refused(saved: Path) -> None:
    (saved / "members" / "evil.py").write_text("print('never')")
    with pytest.raises(ModelFileError, match="not in the manifest"):
        load_model(saved)


def test__load_model__other_format__is_refused(saved: Path) -> None:
    path = saved / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ModelFileError, match="format 99"):
        load_model(saved)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3}'])
def test__load_model__broken_manifest__is_refused(saved: Path, content: str) -> None:
    (saved / "manifest.json").write_text(content)
    with pytest.raises(ModelFileError):
        load_model(saved)


def test__load_model__empty_folder__is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no readable manifest"):
        load_model(tmp_path)
