"""A DuckDB file is attached read-only; what it declares is taken over."""

import subprocess
import sys

import duckdb
import pytest

from rdl.database.sources.scan import scan
from rdl.database.sources.source import Constraints, ForeignKey
from rdl.errors import LockedError, ProjectError
from tests.database.sources.reading import files, project_of, reading

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR UNIQUE, boss INTEGER REFERENCES customers(id));
CREATE TABLE tills (shop INTEGER, number INTEGER, PRIMARY KEY (shop, number));
CREATE TABLE orders (id BIGINT, who VARCHAR REFERENCES customers(email), shop INTEGER, till INTEGER, kind VARCHAR,
    amount DECIMAL(18, 3), FOREIGN KEY (shop, till) REFERENCES tills(shop, number));
CREATE VIEW large AS SELECT id, amount FROM orders WHERE amount > 10;
INSERT INTO customers VALUES (1, 'a@x', NULL);
INSERT INTO customers VALUES (2, 'b@x', 1);
INSERT INTO tills VALUES (1, 1);
INSERT INTO orders VALUES (1, 'a@x', 1, 1, 'k', 12.345), (2, 'b@x', 1, 1, NULL, 1);
"""


def make(path, sql):
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql).fetchall()
    return path


def test__tables_and_views__are_read_and_the_file_stays_as_it_is(tmp_path):
    path = make(tmp_path / "shop.anything", SHOP)
    before = path.read_bytes()
    with reading("shop.anything", tmp_path) as found:
        assert set(found.source.tables) == {"customers", "tills", "orders", "large"}
        assert found.types("orders")["amount"] == "DECIMAL(18,3)"
        assert found.rows("large", "id, CAST(amount AS VARCHAR)") == [(1, "12.345")]
        assert found.source.attach == path
        assert found.source.files == ()
    assert path.read_bytes() == before


def test__constraints__are_taken_over(tmp_path):
    make(tmp_path / "shop.duckdb", SHOP)
    tables = scan(project_of("shop.duckdb", tmp_path)).tables
    assert tables["customers"].constraints == Constraints(("id",), (ForeignKey(("boss",), "customers", ("id",)),))
    assert tables["tills"].constraints == Constraints(("shop", "number"))
    assert tables["orders"].constraints == Constraints(
        (), (ForeignKey(("who",), "customers", ("email",)), ForeignKey(("shop", "till"), "tills", ("shop", "number")))
    )
    assert tables["large"].constraints == Constraints()
    left = scan(project_of("shop.duckdb", tmp_path, include=["ord*", "tills"])).tables
    assert left["orders"].constraints.foreign_keys == (ForeignKey(("shop", "till"), "tills", ("shop", "number")),)


SCHEMAS = '''
CREATE SCHEMA a; CREATE SCHEMA "b;""";
CREATE TABLE T (i INTEGER); CREATE TABLE a.t (i INTEGER PRIMARY KEY); CREATE TABLE "b;""".t (i INTEGER);
CREATE TABLE a.only (i INTEGER REFERENCES a.t(i)); CREATE TABLE a.two (i INTEGER); CREATE TABLE "b;""".two (i INTEGER);
INSERT INTO T VALUES (0); INSERT INTO a.t VALUES (1); INSERT INTO "b;""".t VALUES (2);
'''


def test__schemas__name_their_tables_where_names_collide(tmp_path):
    make(tmp_path / "x.db", SCHEMAS)
    with reading("x.db", tmp_path) as found:
        assert set(found.source.tables) == {"T", "a_t", 'b;"_t', "only", "a_two", 'b;"_two'}
        assert [found.rows(t) for t in ("T", "a_t", 'b;"_t')] == [[(0,)], [(1,)], [(2,)]]
        assert found.source.tables["only"].constraints.foreign_keys == (ForeignKey(("i",), "a_t", ("i",)),)
    with reading("x.db", tmp_path, schemas=["a"]) as found:
        assert set(found.source.tables) == {"t", "only", "two"}
        assert found.source.tables["only"].constraints.foreign_keys[0].parent == "t"


def test__unknown_schema__is_refused_with_the_nearest(tmp_path):
    make(tmp_path / "x.db", "CREATE SCHEMA sales; CREATE TABLE sales.t (i INTEGER)")
    with pytest.raises(ProjectError) as error:
        scan(project_of("x.db", tmp_path, schemas=["sale"]))
    assert "'sale'" in error.value.what
    assert "schemas" in error.value.where
    assert "'sales'" in error.value.fix


def test__names_that_collide_again__are_refused(tmp_path):
    make(
        tmp_path / "x.db", "CREATE SCHEMA s; CREATE TABLE t (i INTEGER); CREATE TABLE s.t (i INTEGER); CREATE TABLE S_T (i INTEGER)"
    )
    with pytest.raises(ProjectError) as error:
        scan(project_of("x.db", tmp_path))
    assert "main.S_T" in error.value.what
    assert "s.t" in error.value.what
    assert "schemas" in error.value.fix


@pytest.mark.parametrize("name", ["select", 'a "b"', "x; DROP TABLE t", "it's", "漢字", " "])
def test__any_name__is_a_table(tmp_path, name):
    make(tmp_path / "x.duckdb", 'CREATE TABLE "' + name.replace('"', '""') + '" AS SELECT 1 AS i')
    with reading("x.duckdb", tmp_path) as found:
        assert found.rows(name) == [(1,)]


def test__what_is_only_in_the_log__is_read_and_changes_the_identity(tmp_path):
    path = make(tmp_path / "x.duckdb", "CREATE TABLE t (i INTEGER)")
    before = scan(project_of("x.duckdb", tmp_path)).identity
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('INSERT INTO t VALUES (7)').fetchall(); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name("x.duckdb.wal").exists()
    with reading("x.duckdb", tmp_path) as found:
        assert found.rows("t") == [(7,)]
        assert found.source.identity != before


def test__file_that_another_process_writes__is_locked(tmp_path):
    path = make(tmp_path / "x.duckdb", "CREATE TABLE t (i INTEGER)")
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(LockedError) as error:
            scan(project_of("x.duckdb", tmp_path))
        writer.communicate("")
    assert error.value.exit_code == 5
    assert str(path) in error.value.where
    assert "copy" in error.value.fix
    assert scan(project_of("x.duckdb", tmp_path)).tables


def test__file_that_this_process_writes__is_locked(tmp_path):
    path = make(tmp_path / "x.duckdb", "CREATE TABLE t (i INTEGER)")
    with duckdb.connect(str(path)), pytest.raises(LockedError):
        scan(project_of("x.duckdb", tmp_path))


@pytest.mark.parametrize("data", [b"hello", b"\0" * 8 + b"DUCK", b"\0" * 8 + b"DUCK" + b"\0" * 9000, b""])
def test__what_is_no_duckdb_file__is_refused(tmp_path, data):
    with pytest.raises(ProjectError) as error:
        scan(project_of("x.duckdb", files(tmp_path, {"x.duckdb": data})))
    assert "DuckDB" in error.value.what
    assert "x.duckdb" in str(error.value)


def test__file_without_tables__is_refused(tmp_path):
    make(tmp_path / "x.duckdb", "SELECT 1")
    with pytest.raises(ProjectError) as error:
        scan(project_of("x.duckdb", tmp_path))
    assert "no table" in error.value.what
    assert "[database] source" in error.value.where
