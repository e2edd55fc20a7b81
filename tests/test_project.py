from pathlib import Path

import pytest

from rdl.errors import ProjectError
from rdl.project import open_project
from rdl.timeline import parse_time
from tests.projects import SHOP_TOML, write_project


def refusal(folder: Path, toml: str | None = None) -> ProjectError:
    if toml is not None:
        write_project(folder, toml)
    with pytest.raises(ProjectError) as error:
        open_project(folder)
    assert error.value.fix, "an error names the fix"
    return error.value


def test__project__reads_every_setting(project_folder):
    write_project(
        project_folder,
        """
        name = "shop"
        [database]
        source = "data/"
        staging = "sql/staging/shop"
        memory_limit = "2 GiB"
        threads = 1
        query_limit = "5 seconds"
        [tables.orders]
        key = ["a", "b"]
        time = "ordered_at"
        lag = "1 day"
        references = { customer_id = "customers" }
        hide = ["internal_note"]
        types = { status = "categorical" }
        [tracking]
        uri = "sqlite:///.rdl/mlflow.db"
        """,
    )
    project = open_project(project_folder)
    orders = project.tables["orders"]
    assert (project.name, project.root, project.home) == ("shop", project_folder, project_folder / ".rdl")
    assert project.database.source == "data/"
    assert (orders.key_columns, orders.time, orders.lag) == (("a", "b"), "ordered_at", "1 day")
    assert (orders.references, orders.hide, orders.types) == (
        {"customer_id": "customers"},
        ["internal_note"],
        {"status": "categorical"},
    )
    assert project.tracking.uri == "sqlite:///.rdl/mlflow.db"
    assert project.settings_file == project_folder / "rdl.toml"


def test__project__without_a_name__is_called_like_its_folder(project_folder):
    assert open_project(write_project(project_folder)).name == "project"


def test__home__may_lie_elsewhere(project_folder, tmp_path):
    assert open_project(write_project(project_folder), home=tmp_path / "home").home == tmp_path / "home"


@pytest.mark.parametrize(
    ("toml", "key", "hint"),
    [
        (SHOP_TOML + '[databse]\nsource = "data"', "databse", "database"),
        ('[database]\nsource = "data"\nsuorce = "x"', "database.suorce", "source"),
        (SHOP_TOML + '[tables.items]\nkeys = "id"', "tables.items.keys", "key"),
        (SHOP_TOML + '[tables.date]\nreference = "id"', "tables.date.reference", "references"),
        (SHOP_TOML + '[trackin]\nuri = "id"', "trackin", "tracking"),
        (SHOP_TOML + '[tracking]\nurl = "id"', "tracking.url", "uri"),
        (SHOP_TOML + '[tables.items]\ndate = "id"', "tables.items.date", "time"),
    ],
)
def test__unknown_key__is_refused_with_the_nearest_known_one(project_folder, toml, key, hint):
    error = refusal(project_folder, toml)
    assert error.what == f"unknown key {key!r}"
    assert hint in error.fix
    assert "rdl.toml" in error.where


@pytest.mark.parametrize(
    ("toml", "key", "value"),
    [
        ("[database]\nsource = 3", "database.source", "3"),
        ('[database]\nsource = "d"\nthreads = "2"', "database.threads", "'2'"),
        ('[database]\nsource = "d"\nthreads = 0', "database.threads", "0"),
        ('[database]\nsource = "d"\nmemory_limit = "lots"', "database.memory_limit", "'lots'"),
        (SHOP_TOML + "[tables.t]\nkey = 5", "tables.t.key", "5"),
        (SHOP_TOML + "[tables.t]\ntime = 2025-01-01", "tables.t.time", "2025"),
        (SHOP_TOML + '[tables.t]\nhide = "x"', "tables.t.hide", "'x'"),
        (SHOP_TOML + '[tables.t]\ntypes = { a = "number" }', "tables.t.types.a", "'number'"),
        (SHOP_TOML + '[tables.t]\nreferences = ["a"]', "tables.t.references", "['a']"),
    ],
)
def test__wrong_type__is_refused_with_key_and_value(project_folder, toml, key, value):
    error = refusal(project_folder, toml)
    assert error.what.startswith(f"{key} = ")
    assert value in error.what
    assert "rdl.toml" in error.where


@pytest.mark.parametrize(
    ("toml", "place", "value"),
    [
        (SHOP_TOML + '[tables.t]\nlag = "1 month"', "[tables.t] lag", "1 month"),
        ('[database]\nsource = "d"\nquery_limit = "soon"', "[database] query_limit", "soon"),
        ('[database]\nsource = "d"\nquery_limit = "0 s"', "[database]", "0 s"),
    ],
)
def test__wrong_duration__is_refused_with_its_place(project_folder, toml, place, value):
    error = refusal(project_folder, toml)
    assert value in error.what
    assert place in error.where


def test__missing_source__is_named(project_folder):
    assert refusal(project_folder, "[database]\nthreads = 1").what == "missing key 'database.source'"


def test__broken_toml__names_the_line(project_folder):
    error = refusal(project_folder, "[database]\nsource = data\n")
    assert "line 2" in error.what
    assert error.where.endswith("rdl.toml")


def test__toml_in_another_encoding__is_refused(project_folder):
    write_project(project_folder)
    (project_folder / "rdl.toml").write_bytes('name = "Zürich"'.encode("latin-1"))
    assert "TOML" in refusal(project_folder).what


def test__missing_folder__is_named(tmp_path):
    error = refusal(tmp_path / "nowhere")
    assert "nowhere" in error.what
    assert "rdl demo" in error.fix


def test__folder_without_settings__is_no_project(tmp_path):
    assert "neither rdl.toml nor a RelBench manifest.yaml" in refusal(tmp_path).what


RELBENCH = """
name: tiny
manifest_version: 1
val_timestamp: '2005-01-01'
test_timestamp: 2010-01-01
tables:
  drivers: {pkey: driverId, time_col: null, fkeys: {}}
  results: {pkey: null, time_col: date, fkeys: {driverId: drivers}}
"""


def test__relbench_folder__is_a_project_as_it_stands(tmp_path):
    (tmp_path / "manifest.yaml").write_text(RELBENCH)
    project = open_project(tmp_path)
    assert (project.name, project.database.source, project.settings_file) == ("tiny", "db", tmp_path / "manifest.yaml")
    assert project.tables["results"].references == {"driverId": "drivers"}
    assert project.tables["results"].key_columns == ()
    assert project.relbench is not None
    assert (project.relbench.validate, project.relbench.test) == (parse_time("2005-01-01"), parse_time("2010-01-01"))


@pytest.mark.parametrize(
    "text",
    [
        RELBENCH.replace("name: tiny", ""),
        RELBENCH.replace("'2005-01-01'", "soon"),
        RELBENCH.replace("'2005-01-01'", "5"),
        RELBENCH.replace("pkey: driverId", "primary: driverId"),
        RELBENCH.replace("pkey: driverId", "pkey: 7"),
        "tables: [1, 2]",
        "- a list",
        "name: [",
    ],
)
def test__wrong_manifest__is_refused_with_its_place(tmp_path, text):
    (tmp_path / "manifest.yaml").write_text(text)
    assert refusal(tmp_path).where.endswith("manifest.yaml")


def test__rdl_toml_wins_over_a_manifest(tmp_path):
    (tmp_path / "manifest.yaml").write_text(RELBENCH)
    write_project(tmp_path)
    assert open_project(tmp_path).relbench is None
