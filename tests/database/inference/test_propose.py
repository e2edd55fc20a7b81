import json
from pathlib import Path

import pytest
import yaml

from rdl.database.declared import Declared
from rdl.database.engine import quote
from rdl.database.inference import HIGH, Aspect, Hidden, Link, Meaning, propose
from rdl.database.relation import Relation
from rdl.database.schema import Reference
from rdl.database.sources.source import Constraints, ForeignKey
from tests.database.inference.reading import DATA, HERE, Score, from_folder, from_sql, golden, score

LAYOUTS = sorted(file.stem for file in (HERE / "layouts").glob("*.sql"))


def _real(name: str, folder: str) -> Path:
    if not (DATA / folder).is_dir():
        pytest.skip(f"{name} is not at ../shared/data")
    return DATA / folder


def _relbench(folder: Path) -> dict[str, object]:
    """A RelBench manifest as golden facts; it is hidden from the inference."""
    tables = yaml.safe_load((folder / "manifest.yaml").read_text())["tables"]
    return {
        name: {"key": [t["pkey"]], "references": t["fkeys"]} | ({"time": t["time_col"]} if t["time_col"] else {})
        for name, t in tables.items()
    }


def _check(found: Score) -> None:
    assert found.share >= 0.95, found.missed
    assert not found.wrong


def test__rel_f1__is_read_as_its_manifest_says():
    folder = _real("rel-f1", "rel-f1")
    _check(score(propose(*from_folder(folder / "db")), _relbench(folder)))


@pytest.mark.parametrize("name", ["f1-csv", "dunnhumby"])
def test__raw_folder__is_read_as_its_golden_file_says(name):
    ask, relations = from_folder(_real(name, name))
    known, proposals = golden(name), propose(ask, relations)
    _check(score(proposals, known))
    partial = {(t, c) for t, facts in known.items() for c in facts.get("partial", {})}
    for proposal in proposals.accepted:
        if isinstance(proposal.value, Link) and (proposal.table, ",".join(proposal.value.columns)) in partial:
            assert proposal.confidence < HIGH
    for table, facts in known.items():
        assert proposals.types(table) == facts.get("types", {})


def test__results_of_f1_csv__take_the_date_of_their_race():
    ask, relations = from_folder(_real("f1-csv", "f1-csv"))
    select = propose(ask, relations).staging["results"]
    rows = ask(f"SELECT count(*), count(date), min(date), max(date) FROM ({select})")[0]
    assert rows[0] == rows[1] == 27118
    assert str(rows[2]) == "1950-05-13 00:00:00"
    assert str(rows[3])[:7] == "2025-10"


def test__households_of_dunnhumby__are_listed_as_a_missing_table():
    ask, relations = from_folder(_real("dunnhumby", "dunnhumby"))
    found = {p.table: p for p in propose(ask, relations).uncertain if p.aspect is Aspect.ENTITY}
    assert set(found) == {"households", "stores"}
    assert ask(f"SELECT count(*) FROM ({found['households'].value.select})")[0][0] >= 2377


@pytest.mark.parametrize("name", LAYOUTS)
def test__layout__has_no_wrong_reference_and_most_facts_right(name):
    ask, relations = from_sql((HERE / "layouts" / f"{name}.sql").read_text())
    known, proposals = golden(name), propose(ask, relations)
    found = score(proposals, known)
    assert not found.wrong
    assert found.share >= 0.85, found.missed  # what is listed for a person to decide counts as missed
    for table, facts in known.items():
        types = proposals.types(table)
        assert {c: types.get(c) for c in facts.get("types", {})} == facts.get("types", {})
        hidden = {p.value.column for p in proposals.items if p.table == table and isinstance(p.value, Hidden)}
        assert set(facts.get("hide", [])) <= hidden


@pytest.mark.parametrize("name", LAYOUTS)
def test__staging_select__runs_and_keeps_every_row(name):
    ask, relations = from_sql((HERE / "layouts" / f"{name}.sql").read_text())
    proposals = propose(ask, relations)
    declared = proposals.declared(proposals.staging)
    for table, select in proposals.staging.items():
        types = dict(row[:2] for row in ask(f"DESCRIBE {select}"))
        assert ask(f"SELECT count(*) FROM ({select})") == ask(f"SELECT count(*) FROM {quote(table)}")
        if declared[table].time:
            assert types[declared[table].time].startswith(("TIMESTAMP", "DATE"))


def test__rows_in_another_order__change_nothing():
    text = (HERE / "layouts" / "forum.sql").read_text()
    ask, relations = from_sql(text)
    turned = text + "".join(
        f'CREATE OR REPLACE TABLE "{t}" AS SELECT * FROM "{t}" ORDER BY hash("{next(iter(r.types))}");'
        for t, r in relations.items()
    )
    assert propose(ask, relations).to_json() == propose(*from_sql(turned)).to_json()


def test__constraints_of_the_source__are_certain_and_not_inferred_anew():
    ask, found = from_sql(
        "CREATE TABLE a AS SELECT range AS x, range * 3 AS id FROM range(50);CREATE TABLE b AS SELECT range % 5 AS q FROM range(40)"
    )
    key = Relation("a", '"a"', found["a"].types, Constraints(("x",)))
    child = Relation("b", '"b"', found["b"].types, Constraints((), (ForeignKey(("q",), "a", ("x",)),)))
    proposals = propose(ask, {"a": key, "b": child})
    declared = proposals.declared()
    assert declared["a"].key == ("x",)
    assert declared["b"].references == (Reference("q", "a"),)
    assert {p.confidence for p in proposals.items if p.aspect in {Aspect.KEY, Aspect.REFERENCE}} == {1.0}


def test__settings__win_over_rows():
    ask, found = from_sql("CREATE TABLE a AS SELECT range AS id, range + 7 AS code, DATE '2020-01-01' AS day FROM range(50)")
    stated = Declared("a", key=("code",), time="day")
    assert propose(ask, found, {"a": stated}).declared()["a"] == Declared("a", key=("code",), time="day")


def test__staged_table__gets_no_second_staging_select():
    ask, found = from_sql("CREATE TABLE logs AS SELECT range AS id, 1600000000 + range * 60 AS created_at FROM range(90)")
    relation = Relation("logs", '"logs"', found["logs"].types, staged=True)
    proposals = propose(ask, {"logs": relation})
    assert proposals.staging == {}
    assert proposals.declared({"logs"})["logs"].time is None
    assert any("staging" in p.evidence for p in proposals.uncertain if p.aspect is Aspect.TIME)


def test__hostile_names__are_read():
    ask, found = from_sql(
        """
        CREATE TABLE "sel""ect; --" AS SELECT range AS "id", 'x' || range AS "from {0}", range * 1.5 AS "ünï 'cödé'" FROM range(30);
        CREATE TABLE empty (id INTEGER, "at" TIMESTAMP, tags VARCHAR[]);
        CREATE TABLE one AS SELECT 1 AS one_id, DATE '2020-01-01' AS day
        """
    )
    proposals = propose(ask, found)
    assert proposals.declared()['sel"ect; --'].key == ("id",)
    assert proposals.declared()["empty"].key == ()
    assert proposals.declared()["one"].key == ("one_id",)


def test__five_hundred_columns__are_read_in_blocks():
    columns = ", ".join(f"hash(range + {i}) % 1000 AS c{i}" for i in range(500))
    ask, found = from_sql(f"CREATE TABLE wide AS SELECT range AS wide_id, {columns} FROM range(2000)")
    assert propose(ask, found).declared()["wide"].key == ("wide_id",)


def test__proposals__are_plain_data():
    ask, found = from_sql((HERE / "layouts" / "saas.sql").read_text())
    proposals = propose(ask, found)
    data = json.loads(json.dumps(proposals.to_json()))
    assert len(data["accepted"]) + len(data["uncertain"]) == len(proposals.items)
    assert all(p["evidence"] and 0 <= p["confidence"] <= 1 for p in data["accepted"] + data["uncertain"])
    assert any(isinstance(p.value, Meaning) for p in proposals.accepted)
