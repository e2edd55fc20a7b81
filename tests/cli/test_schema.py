"""`rdl schema` and `rdl init`: what they say, what they write, what they refuse."""

import json
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from rdl.database.demo import write_demo
from tests.cli.calls import call
from tests.projects import CUSTOMERS, ORDERS, write_project, write_shop

BARE = '[database]\nsource = "data"\n'
WHOLE = ORDERS.replace(r"14,\N,\N,", "14,1,2025-02-05 12:00:00,")


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Standard output of a command that succeeds."""
    assert call(monkeypatch, *words) == 0
    return capsys.readouterr().out


def test__schema__says_what_is_stated_inferred_and_uncertain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = write_shop(tmp_path / "shop", BARE + '[tables.customers]\ntime = "created_at"\n')
    text = said(monkeypatch, capsys, "schema", "--project", shop)
    stated, open_ = text.split("uncertain, for you to decide:")
    assert "customers: 3 rows\n  key               customer_id (not in use yet)  [" in stated
    assert "  time              created_at  [stated in the settings]\n" in stated
    assert "orders: 5 rows\n  key               order_id  [" in stated
    assert "numeric           amount\n" in stated
    assert "orders: time ordered_at  [" in open_
    assert "known in 4 of 5 rows" in open_
    assert (shop / "rdl.toml").read_text() == BARE + '[tables.customers]\ntime = "created_at"\n', "it only looks"


def test__schema__json__is_an_object_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = write_shop(tmp_path / "shop")
    lines = said(monkeypatch, capsys, "schema", "--project", shop, "--json", "--write", "--svg", tmp_path / "s.svg").splitlines()
    customers, orders, written, drawn = map(json.loads, lines)
    assert customers["table"] == "customers"
    assert orders["references"] == [{"columns": ["customer_id"], "table": "customers", "key": []}]
    assert orders["columns"]["amount"] == {"type": "DOUBLE", "meaning": "numeric"}
    assert {p["aspect"] for p in orders["accepted"] if p["in_use"]} >= {"key", "time", "reference"}
    assert written.keys() == {"settings", "remarks", "staging"}
    assert drawn == {"drawn": str(tmp_path / "s.svg")}


def test__schema__write__says_what_it_wrote_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "line_id,order_id,price\n" + "".join(f"{i},{10 + i % 40},{i / 2}\n" for i in range(80))
    orders = "order_id,ordered_at\n" + "".join(f"{10 + i},2025-01-{1 + i % 28:02} 10:00:00\n" for i in range(40))
    shop = write_project(tmp_path / "shop", BARE, data__lines_csv=lines, data__orders_csv=orders)
    text = said(monkeypatch, capsys, "schema", "--project", shop, "--write")
    assert f"wrote {shop / 'rdl.toml'}\n" in text
    assert "[tables.lines] key = line_id; time = ordered_at; references.order_id = orders\n" in text
    assert f"wrote {shop / 'sql' / 'staging' / 'shop' / 'lines.sql'}\n" in text
    assert "nothing new to write" in said(monkeypatch, capsys, "schema", "--project", shop, "--write")
    assert "lines" in said(monkeypatch, capsys, "check", "--project", shop)


def test__schema__svg__draws_every_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop, file = write_shop(tmp_path / "shop"), tmp_path / "new" / "shop.svg"
    assert f"drew {file}\n" in said(monkeypatch, capsys, "schema", "--project", shop, "--svg", file)
    text = " ".join(ET.parse(file).getroot().itertext())
    assert "customers" in text
    assert "orders.customer_id → customers.customer_id" in text


def test__init__makes_a_project_that_can_be_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path / "raw", BARE, data__customers_csv=CUSTOMERS, data__orders_csv=WHOLE)
    text = said(monkeypatch, capsys, "init", "shop", "--from", "raw/data")
    assert text.startswith("made shop: 2 tables, ")
    assert "rdl check --project shop" in text
    settings = tomllib.loads((tmp_path / "shop" / "rdl.toml").read_text())
    assert settings["database"]["source"] == "../raw/data/"
    assert settings["tables"]["orders"]["key"] == "order_id"
    assert "orders" in said(monkeypatch, capsys, "check", "--project", "shop")
    assert call(monkeypatch, "init", "shop", "--from", "raw/data") == 3
    assert "a project already" in capsys.readouterr().err


def test__init__source_that_is_not_there__names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "init", tmp_path / "shop", "--from", tmp_path / "nothing", "--json") == 3
    assert "nothing" in json.loads(capsys.readouterr().out)["what"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test__init__table_whose_time_is_uncertain__is_named_and_refused_until_it_is_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_demo(tmp_path / "demo", rows=2_000, seed=0).folder / "data"
    text = said(monkeypatch, capsys, "init", tmp_path / "shop", "--from", data)
    assert "decide on the time of order_lines, or write time = false" in text
    assert call(monkeypatch, "check", "--project", tmp_path / "shop") == 3
    assert "order_lines has no time, though its parent orders has" in capsys.readouterr().err
