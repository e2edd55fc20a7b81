"""What a database is, at a glance: what is read so today, what only would be, what is ruled out."""

from pathlib import Path

from rdl.database.inference import Aspect
from rdl.database.overview import Overview, look_over
from rdl.project import open_project
from tests.projects import opened, write_project, write_shop

BARE = '[database]\nsource = "data"\n'


def overview(folder: Path) -> Overview:
    return look_over(open_project(folder))


def said(found: Overview, table: str) -> dict[tuple[str, str], bool]:
    """What is accepted of a table, and whether it is in use."""
    return {(p.aspect.value, str(p.value)): found.in_use(p) for p in found.of(table, accepted=True)}


def test__schema__is_the_one_that_is_read(tmp_path: Path) -> None:
    for folder in (write_shop(tmp_path / "stated"), write_shop(tmp_path / "bare", BARE)):
        found = overview(folder)
        read = opened(folder).schema
        assert found.schema.to_json() == read.to_json()


def test__described_table__takes_nothing_that_is_not_written(tmp_path: Path) -> None:
    found = overview(write_shop(tmp_path / "p", BARE + '[tables.customers]\ntime = "created_at"\n'))
    assert found.schema["customers"].key == ()
    assert said(found, "customers") == {("key", "customer_id"): False, ("time", "created_at"): True}


def test__settings__rule_proposals_out(tmp_path: Path) -> None:
    found = overview(write_shop(tmp_path / "p", BARE + "[tables.orders]\nkey = []\ntime = false\nreferences = {}\n"))
    assert {p.aspect for p in found.of("orders", accepted=True)} <= {Aspect.TYPE}
    assert not {p.aspect for p in found.of("orders", accepted=False)} & {Aspect.KEY, Aspect.TIME}


def test__infer_off__takes_nothing(tmp_path: Path) -> None:
    found = overview(write_shop(tmp_path / "p", BARE + "infer = false\n"))
    assert found.schema["orders"].key == ()
    assert said(found, "orders")["key", "order_id"] is False


def test__inherited_time__is_not_in_use_before_it_is_staged(tmp_path: Path) -> None:
    lines = "line_id,order_id,price\n" + "".join(f"{i},{10 + i % 40},{i / 2}\n" for i in range(80))
    orders = "order_id,ordered_at\n" + "".join(f"{10 + i},2025-01-{1 + i % 28:02} 10:00:00\n" for i in range(40))
    found = overview(write_project(tmp_path / "p", BARE, data__lines_csv=lines, data__orders_csv=orders))
    assert found.schema["lines"].time is None
    assert said(found, "lines")["inherited time", "orders.ordered_at as ordered_at, by order_id"] is False


def test__relbench__is_as_its_manifest_says(rel_f1_folder: Path, tmp_path: Path) -> None:
    found = look_over(open_project(rel_f1_folder, tmp_path))
    structure = [p for p in found.proposals.items if p.aspect in {Aspect.KEY, Aspect.TIME, Aspect.INHERITED_TIME, Aspect.REFERENCE}]
    assert len(structure) == 9 + 6 + 13
    assert all(p.confidence == 1 and found.in_use(p) for p in structure)
    assert found.schema["results"].rows == 26_080
