"""Files directly in the folder are tables, sub-folders are tables of parts, and nothing is taken twice or for what it is not."""

import os

import pytest

from rdl.database.sources.scan import scan
from rdl.errors import ProjectError
from tests.database.sources.reading import files, project_of, reading

ROW = "a\n1\n"


def tables(folder, source="data", **settings):
    found = scan(project_of(source, folder, **settings)).tables
    return {name: [str(f.relative_to(folder)) for f in table.files] for name, table in found.items()}


def refused(folder, source="data", **settings):
    with pytest.raises(ProjectError) as error:
        tables(folder, source, **settings)
    return error.value


def test__stems_and_folders__name_the_tables(tmp_path):
    files(
        tmp_path,
        {
            "data/orders.csv": ROW,
            "data/a.b.CSV.GZ": "",
            "data/shops.parquet": "",
            "data/events/2.jsonl": "",
            "data/events/10/1.json": "",
            "data/events/1.ndjson": "",
            "data/README.md": "",
            "data/notes/README.md": "",
        },
    )
    assert tables(tmp_path) == {
        "a.b": ["data/a.b.CSV.GZ"],
        "events": ["data/events/1.ndjson", "data/events/10/1.json", "data/events/2.jsonl"],
        "orders": ["data/orders.csv"],
        "shops": ["data/shops.parquet"],
    }


def test__hidden_files_and_folders__are_no_data(tmp_path):
    names = [
        "data/t/.1.csv",
        "data/t/_2.csv",
        "data/.rdl/x.csv",
        "data/_tmp/x.csv",
        "data/t/_SUCCESS",
        "data/t/.1.csv.crc",
        "data/t/k/_x/3.csv",
    ]
    files(tmp_path, {**dict.fromkeys(names, ROW), "data/t/3.csv": ROW})
    assert tables(tmp_path) == {"t": ["data/t/3.csv"]}
    assert tables(tmp_path, "data/**/*.csv") == {"t": ["data/t/3.csv"]}


def test__home_below_the_source__is_no_data(tmp_path):
    files(tmp_path, {"t.csv": ROW, "home/landing/u.csv": ROW})
    project = project_of(".", tmp_path)
    assert set(scan(project).tables) == {"home", "t"}
    for source in (".", "**/*.csv"):
        moved = type(project)(**{**vars(project_of(source, tmp_path)), "home": tmp_path / "home"})
        assert set(scan(moved).tables) == {"t"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("data/*.csv", {"a": ["data/a.csv"]}),
        ("data/**/*.csv", {"a": ["data/a.csv"], "k": ["data/k/1.csv", "data/k/m/2.csv"]}),
        ("data/*/*.csv", {"k": ["data/k/1.csv"]}),
        ("data/k/[0-9].csv", {"1": ["data/k/1.csv"]}),
        ("./data/../data/?.csv", {"a": ["data/a.csv"]}),
        ("data/*", {"a": ["data/a.csv"], "b": ["data/b.jsonl"]}),
        ("data/a.csv", {"a": ["data/a.csv"]}),
    ],
)
def test__glob__is_a_folder_from_its_fixed_part(tmp_path, pattern, found):
    files(tmp_path, {"data/a.csv": ROW, "data/b.jsonl": "{}", "data/k/1.csv": ROW, "data/k/m/2.csv": ROW, "data/x.txt": ""})
    assert tables(tmp_path, pattern) == found
    assert set(scan(project_of(str(tmp_path / pattern), tmp_path / "data")).tables) == set(found)


def test__include__chooses_tables_and_what_is_hashed(tmp_path):
    files(tmp_path, {"data/orders.csv": ROW, "data/customers.csv": ROW, "data/other/1.csv": ROW})
    assert set(tables(tmp_path, include=["ORD*", "other"])) == {"orders", "other"}
    before = scan(project_of("data", tmp_path, include=["orders"])).identity
    files(tmp_path, {"data/customers.csv": ROW * 2})
    assert scan(project_of("data", tmp_path, include=["orders"])).identity == before
    assert "'orders'" in refused(tmp_path, include=["ordes"]).fix


def test__identity__is_of_names_and_bytes(tmp_path):
    one = files(tmp_path / "one", {"data/t/year=1/p.csv": ROW, "data/u.csv": ROW})
    two = files(tmp_path / "two", {"data/t/year=1/p.csv": ROW, "data/u.csv": ROW, "data/x.md": "?"})
    three = files(tmp_path / "three", {"data/t/year=2/p.csv": ROW, "data/u.csv": ROW})
    first, second, third = (scan(project_of("data", folder)).identity for folder in (one, two, three))
    assert first == second
    assert first != third


@pytest.mark.parametrize(
    ("names", "claims"),
    [
        (["data/orders.csv", "data/Orders.csv"], ["Orders.csv", "orders.csv"]),
        (["data/t.csv", "data/t.parquet"], ["t.csv", "t.parquet"]),
        (["data/t.csv", "data/T/1.csv"], ["t.csv", "T/"]),
        (["data/t/1.csv", "data/T/1.csv"], ["t/", "T/"]),
    ],
)
def test__two_claims_to_one_table__are_refused(tmp_path, names, claims):
    error = refused(files(tmp_path, dict.fromkeys(names, ROW)))
    assert "two files hold the table" in error.what
    assert all(claim in error.what for claim in claims)
    assert error.where.endswith("data")
    assert "rename one" in error.fix


def test__parts_of_two_kinds__are_refused(tmp_path):
    error = refused(files(tmp_path, {"data/t/1.csv": ROW, "data/t/2.jsonl": "{}"}))
    assert "1.csv (CSV)" in error.what
    assert "2.jsonl (JSON)" in error.what


@pytest.mark.parametrize(("folder", "kind"), [("_delta_log", "Delta Lake"), (".hoodie", "Hudi")])
def test__table_whose_log_says_which_files_count__is_refused(tmp_path, folder, kind):
    error = refused(files(tmp_path, {"data/t/1.parquet": "", f"data/t/{folder}/0.json": "{}"}))
    assert kind in error.what
    assert error.where.endswith("t")


@pytest.mark.parametrize("source", ["data", "data/*.csv", "nowhere/*.csv"])
def test__no_data__is_refused(tmp_path, source):
    error = refused(files(tmp_path, {"data/x.md": ""}), source)
    assert "no data file" in error.what
    assert "[database] source" in error.where
    assert "name another folder" in error.fix


@pytest.mark.parametrize(
    "name",
    [
        "select",
        'a "b"',
        "x'; DROP TABLE t; --",
        "漢字 é",
        "ﬁ İ ß",
        " ",
        "a.b",
        "*",
        "a[1]",
        "q?",
        "{0}",
        "$x",
        "%s",
        "back\\slash",
        "#",
        "-",
    ],
)
@pytest.mark.parametrize("suffix", [".csv", "/1.csv", ".jsonl"])
def test__any_name__is_a_table(tmp_path, name, suffix):
    text = '{"a": 1}\n' if suffix == ".jsonl" else ROW
    with reading("da*[t]a", files(tmp_path, {f"da*[t]a/{name}{suffix}": text})) as found:
        assert found.rows(name) == [(1,)]


@pytest.mark.parametrize(("name", "other"), [("a*", "abc"), ("a[1]", "a1"), ("a?", "ab")])
def test__name_that_stands_for_another_file__is_refused(tmp_path, name, other):
    error = refused(files(tmp_path, {f"data/{name}.csv": ROW, f"data/{other}.csv": ROW}))
    assert f"{name}.csv" in error.what
    assert f"{other}.csv" in error.what
    assert "rename" in error.fix


def test__links__are_followed_but_not_in_circles(tmp_path):
    files(tmp_path, {"elsewhere/1.csv": ROW, "data/u/2.csv": ROW})
    (tmp_path / "data" / "t").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "u" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "v.csv").symlink_to(tmp_path / "elsewhere" / "1.csv")
    with reading("data", tmp_path) as found:
        assert {name: found.rows(name) for name in found.source.tables} == {"t": [(1,)], "u": [(1,)], "v": [(1,)]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test__folder_that_cannot_be_read__is_named(tmp_path):
    files(tmp_path, {"data/t/1.csv": ROW})
    (tmp_path / "data" / "t").chmod(0)
    error = refused(tmp_path)
    (tmp_path / "data" / "t").chmod(0o700)
    assert error.where.endswith("t")
