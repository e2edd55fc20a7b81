"""`rdl schema --write`: what becomes a setting, what a comment, what a staging file, and what is left alone."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from rdl.database.adoption import Adopted, adopt
from rdl.database.declared import Declared
from rdl.database.inference import Aspect, Entity, Hidden, InheritedTime, Key, Link, Meaning, Proposal, Proposals, Time
from rdl.database.overview import look_over
from rdl.database.schema import Reference, Semantic
from rdl.errors import ProjectError
from rdl.project import open_project
from tests.projects import opened, write_project, write_shop

BARE = '[database]\nsource = "data"\n'
CUSTOMER = Link(("customer_id",), "customers", ("customer_id",))
SELECT = 'SELECT t.*, p."ordered_at" AS "ordered_at" FROM "lines" t JOIN "orders" p ON p."order_id" = t."order_id"'
JOINED = InheritedTime("ordered_at", "orders", Link(("order_id",), "orders", ("order_id",)), "ordered_at")


def proposal(table: str, value: Any, confidence: float = 0.9, *others: Any) -> Proposal:
    kinds = {Key: Aspect.KEY, Link: Aspect.REFERENCE, Time: Aspect.TIME, InheritedTime: Aspect.INHERITED_TIME, Meaning: Aspect.TYPE}
    aspect = {**kinds, Hidden: Aspect.LEAK, Entity: Aspect.ENTITY}[type(value)]
    return Proposal(table, aspect, value, confidence, "so it seems", tuple(proposal(table, other, 0.3) for other in others))


def adopted(
    folder: Path, *items: Proposal, toml: str = BARE, stated: tuple[Declared, ...] = (), **staging: str
) -> tuple[Adopted, dict[str, Any], str]:
    """What adopting `items` wrote, and the settings file as data and as text."""
    if not (folder / "rdl.toml").exists():
        write_project(folder, toml)
    tables = sorted({*(p.table for p in items if not isinstance(p.value, Entity)), *(d.name for d in stated), *staging})
    known = {name: Declared(name) for name in tables} | {d.name: d for d in stated}
    found = adopt(open_project(folder), known, Proposals(tuple(tables), items, staging))
    text = (folder / "rdl.toml").read_text()
    return found, tomllib.loads(text).get("tables", {}), text


def test__accepted__becomes_settings(tmp_path: Path) -> None:
    items = (
        proposal("customers", Key(("customer_id",))),
        proposal("orders", Key(("shop", "number"))),
        proposal("orders", Time("ordered_at")),
        proposal("orders", CUSTOMER),
        proposal("orders", Link(("a", "b"), "shops", ("x", "y"))),
        proposal("orders", Meaning("due", Semantic.DATE)),
    )
    found, tables, _ = adopted(tmp_path / "p", *items)
    assert tables == {
        "customers": {"key": "customer_id"},
        "orders": {
            "key": ["shop", "number"],
            "time": "ordered_at",
            "references": {"customer_id": "customers", "a,b": "shops.x,y"},
            "types": {"due": "date"},
        },
    }
    assert found.open == 0


def test__uncertain__becomes_comments_with_alternatives(tmp_path: Path) -> None:
    items = (
        proposal("orders", Key(("order_id",)), 0.5, Key(("number",))),
        proposal("orders", Time("created", "strptime(created)", native=False), 0.6),
        proposal("orders", CUSTOMER, 0.7),
        proposal("orders", Hidden("status"), 0.5),
        proposal("orders", Hidden("email"), 0.6),
        proposal("stores", Entity("store_id", "SELECT 1\nUNION\nSELECT 2", (("orders", "store_id"),)), 0.6),
    )
    found, tables, text = adopted(tmp_path / "p", *items)
    assert tables == {"orders": {}}
    assert '# key = "order_id"  # 50 %, or number; so it seems\n' in text
    assert '# time = "created"  # 60 %, needs a staging SELECT, created as strptime(created); so it seems\n' in text
    assert '# references.customer_id = "customers.customer_id"  # 70 %, so it seems\n' in text
    assert '# hide = ["email", "status"]' in text
    assert "# A table of its own may be missing: stores, with a row for every store_id.\n" in text
    assert found.open == 5
    again, _, same = adopted(tmp_path / "p", *items)
    assert (again.added, again.remarks, same) == ({}, (), text)


def test__inherited_time__becomes_a_staging_file(tmp_path: Path) -> None:
    items = (proposal("lines", JOINED), proposal("orders", Time("ordered_at")))
    found, tables, text = adopted(tmp_path / "p", *items, lines=SELECT)
    file = tmp_path / "p" / "sql" / "staging" / "p" / "lines.sql"
    assert found.staging == (file,)
    assert file.read_text().endswith(f"{SELECT}\n")
    assert file.read_text().startswith("-- orders.ordered_at as ordered_at, by order_id (90 %: so it seems)\n")
    assert 'staging = "sql/staging/p"' in text
    assert tables["lines"] == {"time": "ordered_at"}


def test__staging_file_of_a_person__is_never_overwritten(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", BARE + 'staging = "mine"\n', mine__lines_sql="SELECT 1 AS mine")
    found, tables, text = adopted(folder, proposal("lines", JOINED), lines=SELECT)
    assert (folder / "mine" / "lines.sql").read_text() == "SELECT 1 AS mine"
    assert (found.staging, tables) == ((), {"lines": {}})
    assert '# time = "ordered_at"  # 90 %, needs a staging SELECT' in text


def test__undeclared_staging_files__are_not_put_to_use(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "p", BARE, sql__staging__p__other_sql="SELECT 2")
    found, _, text = adopted(folder, proposal("lines", JOINED), lines=SELECT)
    assert found.staging == (folder / "sql" / "staging" / "p-2" / "lines.sql",)
    assert 'staging = "sql/staging/p-2"' in text


def test__write_that_died_after_the_staging_files__is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_project(tmp_path / "p", BARE)
    items = (proposal("lines", JOINED), proposal("orders", Time("ordered_at")))
    with monkeypatch.context() as patched:
        real = adopt.__globals__["replace_file"]

        def dies(path: Path, text: str) -> None:
            if path.name == "rdl.toml":
                raise KeyboardInterrupt
            real(path, text)

        patched.setitem(adopt.__globals__, "replace_file", dies)
        with pytest.raises(KeyboardInterrupt):
            adopted(folder, *items, lines=SELECT)
    assert (folder / "rdl.toml").read_text() == BARE
    found, tables, _ = adopted(folder, *items, lines=SELECT)
    assert found.staging == ()
    assert tables["lines"] == {"time": "ordered_at"}


def test__what_a_person_wrote__stays(tmp_path: Path) -> None:
    toml = BARE + '[tables.orders]\nkey = []\ntime = false\nreferences = { shop = "shops" }\ntypes = { a = "text" }\nhide = ["x"]\n'
    stated = Declared("orders", references=(Reference("shop", "shops"),), hide=("x",), types={"a": Semantic.TEXT})
    items = (
        proposal("orders", Key(("order_id",))),
        proposal("orders", Time("ordered_at")),
        proposal("orders", Link(("shop",), "malls", ("id",))),
        proposal("orders", CUSTOMER),
        proposal("orders", Meaning("a", Semantic.CATEGORICAL)),
        proposal("orders", Meaning("b", Semantic.DATE)),
        proposal("orders", Hidden("x")),
    )
    _, tables, text = adopted(tmp_path / "p", *items, toml=toml, stated=(stated,))
    assert text.startswith(toml)
    assert tables["orders"] == tomllib.loads(toml)["tables"]["orders"]
    assert text.removeprefix(toml).splitlines() == [
        '# references.customer_id = "customers.customer_id"  # 90 %, to add to references; so it seems',
        '# types.b = "date"  # 90 %, to add to types; so it seems',
    ]


def test__static_table__lends_no_time(tmp_path: Path) -> None:
    deeper = InheritedTime("ordered_at", "lines", Link(("line_id",), "lines", ("line_id",)), "ordered_at")
    items = (proposal("lines", JOINED), proposal("parts", deeper))
    found, tables, _ = adopted(tmp_path / "p", *items, toml=BARE + "[tables.lines]\ntime = false\n", lines=SELECT, parts=SELECT)
    assert found.staging == ()
    assert tables == {"lines": {"time": False}, "parts": {}}


def test__references_of_the_source__are_kept_beside_new_ones(tmp_path: Path) -> None:
    stated = (Declared("orders", key=("order_id",), references=(Reference("shop", "shops"),)), Declared("shops", key=("shop_id",)))
    items = (proposal("orders", Link(("shop",), "shops", ("shop_id",)), 1.0), proposal("orders", Key(("order_id",)), 1.0))
    assert adopted(tmp_path / "a", *items, stated=stated)[1] == {}
    _, tables, _ = adopted(tmp_path / "b", *items, proposal("orders", CUSTOMER), stated=stated)
    assert tables == {"orders": {"references": {"shop": "shops", "customer_id": "customers.customer_id"}}}


def test__relbench_folder__is_refused(rel_f1_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"manifest\.yaml") as error:
        adopt(open_project(rel_f1_folder, tmp_path), {}, Proposals((), ()))
    assert "rdl init" in error.value.fix


def test__shop__written_from_nothing__is_read_as_before(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop", BARE)
    overview = look_over(open_project(folder))
    adopt(open_project(folder), overview.stated, overview.proposals)
    once = (folder / "rdl.toml").read_text()
    schema = opened(folder).schema
    assert {name: table.key for name, table in schema.tables.items()} == {"customers": ("customer_id",), "orders": ("order_id",)}
    assert (schema["orders"].time, schema["orders"].references) == (None, ())
    assert '# time = "ordered_at"' in once, "one of five is null"
    assert '# references.customer_id = "customers"' in once, "one of three dangles"
    again = look_over(open_project(folder))
    assert adopt(open_project(folder), again.stated, again.proposals).added == {}
    assert (folder / "rdl.toml").read_text() == once


@pytest.mark.slow
@pytest.mark.parametrize("name", ["f1-csv", "dunnhumby"])
def test__real_data__written_twice__is_written_once(name: str, tmp_path: Path) -> None:
    from tests.conftest import real_data

    folder = write_project(tmp_path / "p", f'[database]\nsource = "{real_data(name).as_posix()}"\n')
    files = []
    for _ in range(2):
        project = open_project(folder)
        overview = look_over(project)
        adopt(project, overview.stated, overview.proposals)
        files.append({p: p.read_text() for p in folder.rglob("*") if p.suffix in {".toml", ".sql"}})
    assert files[0] == files[1]
    assert len(files[0]) > 2
