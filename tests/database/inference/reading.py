"""Databases to infer from, and what is known of them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from rdl.database.engine import connect, literal, quote
from rdl.database.inference import Aspect, InheritedTime, Key, Link, Proposals, Time
from rdl.database.relation import Ask, Relation

HERE = Path(__file__).parent
DATA = Path(__file__).parents[4] / "shared" / "data"


def asking(connection: duckdb.DuckDBPyConnection) -> Ask:
    return lambda sql: connection.execute(sql).fetchall()


def relations(connection: duckdb.DuckDBPyConnection) -> dict[str, Relation]:
    """Every table and view of the connection."""
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
    ).fetchall()
    described = {name: connection.execute(f"DESCRIBE {quote(name)}").fetchall() for (name,) in names}
    return {name: Relation(name, quote(name), {row[0]: row[1] for row in rows}) for name, rows in described.items()}


def from_sql(text: str) -> tuple[Ask, dict[str, Relation]]:
    """The tables that some SQL makes."""
    connection = connect()
    connection.execute(text).fetchall()
    return asking(connection), relations(connection)


def from_folder(folder: Path) -> tuple[Ask, dict[str, Relation]]:
    """The CSV and Parquet files of a folder, typed by DuckDB."""
    connection = connect()
    for file in sorted(folder.iterdir()):
        if file.suffix == ".csv":
            read = (
                f"read_csv({literal(str(file))}, header = true, delim = ',', quote = '\"', nullstr = ['', '\\N'], "
                "null_padding = true, parallel = false)"
            )
            connection.execute(f"CREATE TABLE {quote(file.stem)} AS SELECT * FROM {read}").fetchall()
        elif file.suffix == ".parquet":
            connection.execute(f"CREATE VIEW {quote(file.stem)} AS SELECT * FROM read_parquet({literal(str(file))})").fetchall()
    return asking(connection), relations(connection)


def golden(name: str) -> dict[str, Any]:
    """What is known of a database, by table."""
    return tomllib.loads((HERE / "golden" / f"{name}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Score:
    """How well proposals agree with what is known: facts that are right, of all; those missed; references that are wrong."""

    right: int
    total: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.right / self.total


def score(proposals: Proposals, known: Mapping[str, Any]) -> Score:
    """Every table's key and time, be it none, and every reference, counts once."""
    checked: dict[str, bool] = {}
    wrong = []
    for table, facts in known.items():
        keys = [p.value.columns for p in proposals.of(table, Aspect.KEY) if isinstance(p.value, Key)]
        checked[f"{table}: key {facts.get('key')}"] = keys == ([tuple(facts["key"])] if "key" in facts else [])
        times = [p.value.column for p in proposals.of(table, Aspect.TIME) if isinstance(p.value, Time)]
        times += [p.value.table for p in proposals.of(table, Aspect.INHERITED_TIME) if isinstance(p.value, InheritedTime)]
        time = facts.get("time") or facts.get("inherits")
        checked[f"{table}: time {time}"] = times == ([time] if time else [])
        found = {",".join(p.value.columns): p for p in proposals.of(table, Aspect.REFERENCE) if isinstance(p.value, Link)}
        for column, parent in facts.get("references", {}).items():
            value = found[column].value if column in found else None
            checked[f"{table}: {column} -> {parent}"] = isinstance(value, Link) and value.table == parent
        true = {**facts.get("partial", {}), **facts.get("references", {})}
        wrong += [f"{table}: {p.value}" for c, p in found.items() if isinstance(p.value, Link) and true.get(c) != p.value.table]
    missed = tuple(name for name, right in checked.items() if not right)
    return Score(len(checked) - len(missed), len(checked), missed, tuple(wrong))
