"""`rdl init`: a project from a source, without its secrets, or nothing at all."""

import os
from pathlib import Path

import pytest

from rdl.database.new_project import make_project, without_secrets
from rdl.errors import ProjectError
from rdl.project import open_project
from tests.projects import CUSTOMERS, ORDERS, opened

WHOLE = ORDERS.replace(r"14,\N,\N,", "14,1,2025-02-05 12:00:00,")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "customers.csv").write_text(CUSTOMERS)
    (folder / "orders.csv").write_text(WHOLE)
    return folder


def test__folder__becomes_a_project(data: Path, tmp_path: Path) -> None:
    made = make_project(tmp_path / "shop", str(data))
    assert made.source == "../data/"
    assert made.variables == ()
    assert set(made.overview.schema.tables) == {"customers", "orders"}
    assert (tmp_path / "shop" / ".gitignore").read_text() == ".rdl/\n"
    schema = opened(tmp_path / "shop").schema
    assert (schema["customers"].key, schema["orders"].key, schema["orders"].time) == (("customer_id",), ("order_id",), "ordered_at")


def test__source__is_as_the_caller_sees_it(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    assert make_project(tmp_path / "a" / "b", "*.csv").source == "../../data/*.csv"
    assert make_project(tmp_path, "../data").source == "data/"
    assert make_project(tmp_path / "c", "orders.csv").source == "../data/orders.csv"


def test__folder_with_files__keeps_them(data: Path) -> None:
    (data.parent / ".gitignore").write_text("*.tmp")
    make_project(data.parent, str(data))
    assert (data.parent / ".gitignore").read_text() == "*.tmp\n.rdl/\n"
    assert (data / "orders.csv").read_text() == WHOLE


@pytest.mark.parametrize("name", ["rdl.toml", "manifest.yaml"])
def test__project__is_refused(name: str, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / name).write_text("name = 'x'")
    with pytest.raises(ProjectError, match="a project already"):
        make_project(folder, str(data))
    assert (folder / name).read_text() == "name = 'x'"


def test__relbench_folder__needs_no_project(rel_f1_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="as it stands"):
        make_project(tmp_path / "f1", str(rel_f1_folder))


def test__unreadable_source__leaves_nothing(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    for folder in (tmp_path / "new", there):
        with pytest.raises(ProjectError):
            make_project(folder, str(tmp_path / "nowhere"))
    assert [p.name for p in tmp_path.rglob("*")] == ["there"]


@pytest.mark.parametrize(
    ("url", "written", "secrets"),
    [
        ("postgresql://me:s3cret@host:5432/shop", "postgresql://me:${RDL_PASSWORD}@host:5432/shop", {"RDL_PASSWORD": "s3cret"}),
        ("postgresql://me:p%40ss@host/shop", "postgresql://me:${RDL_PASSWORD}@host/shop", {"RDL_PASSWORD": "p@ss"}),
        ("mysql://me:a/b@c:d@host/shop", "mysql://me:${RDL_PASSWORD}@host/shop", {"RDL_PASSWORD": "a/b@c:d"}),
        ("postgresql://me:${MINE}@host/shop", "postgresql://me:${MINE}@host/shop", {}),
        ("postgresql://me@host/shop?sslmode=require", "postgresql://me@host/shop?sslmode=require", {}),
        (
            "postgresql://host/shop?user=me&password=s3&sslpassword=x",
            "postgresql://host/shop?user=me&password=${RDL_PASSWORD}&sslpassword=${RDL_SSLPASSWORD}",
            {"RDL_PASSWORD": "s3", "RDL_SSLPASSWORD": "x"},
        ),
        ("sqlite:///shop.db", "sqlite:///shop.db", {}),
        ("data/*.csv", "data/*.csv", {}),
    ],
)
def test__secrets__become_variables(url: str, written: str, secrets: dict[str, str]) -> None:
    assert without_secrets(url) == (written, secrets)


def test__password__reaches_the_source_and_no_file(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rdl.database.sources import scan

    seen = []

    def postgres(text: str, _: Path, project: object) -> object:
        seen.append(text)
        return scan._folder(text, data, project)

    kinds = [scan.Kind(lambda text, _: text.startswith("postgresql://"), postgres), *scan.KINDS]
    monkeypatch.setattr(scan, "KINDS", kinds)
    monkeypatch.setenv("RDL_PASSWORD", "another")
    made = make_project(tmp_path / "shop", "postgresql://me:s3cr@t@host/shop")
    assert seen == ["postgresql://me:s3cr%40t@host/shop"]
    assert made.variables == ("RDL_PASSWORD",)
    assert open_project(made.folder).database.source == "postgresql://me:${RDL_PASSWORD}@host/shop"
    assert os.environ["RDL_PASSWORD"] == "another"
    assert not [p for p in made.folder.rglob("*") if p.is_file() and b"s3cr" in p.read_bytes()]
