"""A source is told by what it is, and by its scheme; variables are filled in and never shown."""

import sys
from types import ModuleType

import duckdb
import pytest

from rdl.database.sources import scan as scan_module
from rdl.database.sources.scan import KINDS, scan
from rdl.errors import ProjectError
from tests.database.sources.reading import files, project_of


@pytest.fixture
def opened(monkeypatch):
    """What is handed to the modules that open feeds, in place of opening it."""
    found = []

    def module(name, **functions):
        fake = ModuleType(name)
        vars(fake).update(functions)
        monkeypatch.setitem(sys.modules, f"rdl.database.sources.{name}", fake)

    module("landing", land=lambda feed, project, name: found.append((*feed, name)))
    module("postgres", postgres_feed=lambda url, project: ("postgres", url))
    module("sqlalchemy_url", sqlalchemy_feed=lambda url, project: ("sqlalchemy", url))
    module("sqlite", sqlite_feed=lambda path, project: ("sqlite", path))
    return found


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("postgresql://u:pa%20ss@h/db", "postgres"),
        ("postgres://u:pa%20ss@h/db", "postgres"),
        ("mysql+pymysql://u:pa%20ss@h/db", "sqlalchemy"),
        ("snowflake://u:pa%20ss@h/db", "sqlalchemy"),
    ],
)
def test__scheme__decides_and_the_name_holds_no_password(tmp_path, opened, source, kind):
    scan(project_of(source, tmp_path))
    ((found, url, name),) = opened
    assert (found, url) == (kind, source)
    assert "pa" not in name
    assert "h/db" in name


@pytest.mark.parametrize("source", ["postgresql://u:${SHOP_PASSWORD}@h/db", "${SHOP_URL}"])
def test__variables__are_filled_in_and_not_shown(tmp_path, opened, monkeypatch, source):
    monkeypatch.setenv("SHOP_PASSWORD", "se/cret")
    monkeypatch.setenv("SHOP_URL", "postgresql://u:se%2Fcret@h/db")
    scan(project_of(source, tmp_path))
    ((_, url, name),) = opened
    assert url == "postgresql://u:se%2Fcret@h/db"
    assert "cret" not in name


@pytest.mark.parametrize("source", ["postgresql://u:${SHOP_PASSWORD}@h/db", "${SHOP_PASSWORD}", "mysql://${SHOP_PASSWORD}@h"])
def test__missing_variable__is_named_and_the_url_is_not(tmp_path, opened, monkeypatch, source):
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(ProjectError) as error:
        scan(project_of(source, tmp_path))
    assert "'SHOP_PASSWORD'" in error.value.what
    assert "@h" not in str(error.value)
    assert "[database] source" in error.value.where


@pytest.mark.parametrize("name", ["shop.sqlite", "shop.db", "shop.duckdb", "shop"])
def test__sqlite_file__is_told_by_its_first_bytes(tmp_path, opened, name):
    files(tmp_path, {name: b"SQLite format 3\0 and more"})
    scan(project_of(name, tmp_path))
    scan(project_of(f"sqlite:///{name}", tmp_path))
    scan(project_of(f"sqlite:///{tmp_path / name}", tmp_path / "elsewhere"))
    assert [(kind, path) for kind, path, _ in opened] == [("sqlite", tmp_path / name)] * 3


def test__sqlite_url_without_a_file__is_refused(tmp_path, opened):
    for name in ("gone.sqlite", "text.sqlite"):
        files(tmp_path, {"text.sqlite": "hello"})
        with pytest.raises(ProjectError) as error:
            scan(project_of(f"sqlite:///{name}", tmp_path))
        assert name in error.value.what
        assert "sqlite:////" in error.value.fix


@pytest.mark.parametrize("name", ["shop.duckdb", "shop.db", "shop.sqlite", "shop"])
def test__duckdb_file__is_told_by_its_first_bytes(tmp_path, opened, name):
    with duckdb.connect(str(tmp_path / name)) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)").fetchall()
    assert set(scan(project_of(name, tmp_path)).tables) == {"t"}
    assert opened == []


def test__relbench_name__is_a_folder(tmp_path, monkeypatch):
    files(tmp_path, {"cache/rel-x/db/t.csv": "a\n1\n"})
    hub = ModuleType("hub")
    hub.relbench_folder = lambda name, project: tmp_path / "cache" / name
    monkeypatch.setitem(sys.modules, "rdl.database.sources.hub", hub)
    assert set(scan(project_of("relbench://rel-x", tmp_path)).tables) == {"t"}


@pytest.mark.parametrize("source", ["gone", "gone.csv", "data.txt", "rdl.toml"])
def test__what_is_no_source__is_refused(tmp_path, source):
    files(tmp_path, {"data.txt": "", "rdl.toml": ""})
    with pytest.raises(ProjectError) as error:
        scan(project_of(source, tmp_path))
    assert source in error.value.what
    assert "[database] source" in error.value.where
    assert "name a folder" in error.value.fix
    assert ".duckdb file" in error.value.fix


def test__new_kind__is_one_line(tmp_path, monkeypatch):
    kind = scan_module.Kind(lambda text, _: text.startswith("mine://"), lambda text, path, project: text)
    monkeypatch.setattr(scan_module, "KINDS", (kind, *KINDS))
    assert scan(project_of("mine://x", tmp_path)) == "mine://x"
