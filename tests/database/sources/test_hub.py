import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from rdl.database.sources.hub import relbench_folder, with_relbench
from rdl.errors import ProjectError
from rdl.project import DatabaseSettings, Project, TableSettings

COMMIT = "0123456789" * 4

pytest.importorskip("relbench")


def project(folder: Path, source: str = "relbench://rel-f1", **tables: TableSettings) -> Project:
    return Project("f1", folder, folder / "home", DatabaseSettings(source=source), tables)


@pytest.fixture
def hub(tmp_path: Path, rel_f1_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hub's cache that holds rel-f1, as its client lays it out, and a client that is told to stay off the network."""
    import huggingface_hub.constants as settings

    cache = tmp_path / "hub"
    repository = cache / "datasets--stanford-star--relbench-v1"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(rel_f1_folder, repository / "snapshots" / COMMIT / "rel-f1")
    monkeypatch.setattr(settings, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(settings, "HF_HUB_OFFLINE", True)
    return repository / "snapshots" / COMMIT


@pytest.mark.parametrize(
    "name",
    [
        "rel-f1",
        "relbench://rel-f1",
        "stanford-star/relbench-v1/rel-f1",
        f"rel-f1@{COMMIT}",
        f"stanford-star/relbench-v1/rel-f1@{COMMIT}",
    ],
)
def test__folder__name_in_the_cache__is_found(hub: Path, tmp_path: Path, name: str) -> None:
    assert relbench_folder(name, project(tmp_path)) == hub / "rel-f1"


def test__folder__path__is_seen_from_the_project(rel_f1_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "copy").symlink_to(rel_f1_folder)

    assert relbench_folder(str(rel_f1_folder), project(tmp_path)) == rel_f1_folder.resolve()
    assert relbench_folder("../copy", project(tmp_path / "project")) == rel_f1_folder.resolve()


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("rel-f2", "there is no dataset 'rel-f2'"),
        ("org/other", "cannot fetch relbench://org/other"),
        ("rel-f1@nosuch", "cannot fetch relbench://rel-f1@nosuch"),
        ("", "not a name of a dataset"),
        ("rel f1", "not a name of a dataset"),
        ("../nowhere", "there is no dataset"),
    ],
)
def test__folder__what_cannot_be_had__is_a_typed_error(hub: Path, tmp_path: Path, name: str, match: str) -> None:
    with pytest.raises(ProjectError, match=match) as caught:
        relbench_folder(name, project(tmp_path))
    assert caught.value.where.endswith("[database] source")
    assert caught.value.fix


def test__folder__half_a_download__is_refused(hub: Path, tmp_path: Path) -> None:
    (hub / "rel-f1" / "db" / "races.parquet").unlink()

    with pytest.raises(ProjectError, match=r"no whole RelBench v3 folder.*races"):
        relbench_folder("rel-f1", project(tmp_path))


def test__folder__without_the_package__says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "relbench", None)

    with pytest.raises(ProjectError, match="needs the package relbench") as caught:
        relbench_folder("rel-f1", project(tmp_path))
    assert caught.value.fix == "pip install relbench"


def test__with_relbench__manifest__declares_what_the_project_does_not(hub: Path, tmp_path: Path) -> None:
    own: dict[str, Any] = {"results": TableSettings(hide=["points"]), "races": TableSettings(time=False)}
    found = with_relbench(project(tmp_path, **own))

    assert Path(found.database.source) == hub / "rel-f1" / "db"
    results, races = found.tables["results"], found.tables["races"]
    assert (results.key, results.time, results.hide) == ("resultId", "date", ["points"])
    assert results.references == {"raceId": "races", "driverId": "drivers", "constructorId": "constructors"}
    assert (races.key, races.time) == ("raceId", False)
    assert len(found.tables) == 9
    assert found.settings_file == tmp_path / "rdl.toml"


def test__with_relbench__any_other_source__is_left_alone(tmp_path: Path) -> None:
    other = project(tmp_path, source="data")

    assert with_relbench(other) is other
