"""Small random databases for the laws of features: ties, nulls, a self reference, a cycle of references, two-hop chains."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rdl.database import Column, Reference, Schema, Semantic, Table
from rdl.database.engine import Engine, connect, literal
from rdl.timeline import ALWAYS, DAY, NEVER

REFERENCES = {"users": {"boss_id": "users", "shop_id": "shops"}, "shops": {"owner_id": "users"}, "lines": {"order_id": "orders"}}
REFERENCES["orders"] = {"user_id": "users", "shop_id": "shops"}
COLUMNS = {
    "users": {"born": Semantic.TIMESTAMP, "tier": Semantic.CATEGORICAL},
    "shops": {"size": Semantic.NUMERIC, "city": Semantic.CATEGORICAL},
    "orders": {"amount": Semantic.NUMERIC, "status": Semantic.CATEGORICAL},
    "lines": {"quantity": Semantic.NUMERIC, "returned": Semantic.BOOLEAN, "note": Semantic.TEXT},
}
TYPES = {
    Semantic.NUMERIC: pa.float64(),
    Semantic.CATEGORICAL: pa.string(),
    Semantic.TEXT: pa.string(),
    Semantic.BOOLEAN: pa.bool_(),
    Semantic.TIMESTAMP: pa.timestamp("us"),
}


@dataclass(frozen=True)
class World:
    """Rows by table: dicts with `_row`, `_time`, `_ref_*` and the columns; past labels as (entity, time, value)."""

    rows: dict
    history: list

    @property
    def schema(self):
        """The schema as ingestion would state it."""
        return Schema({name: _table(name, rows) for name, rows in self.rows.items()})

    def engine(self, folder, threads=2):
        """An engine over the rows, written as ingestion writes them."""
        path = folder / f"{np.random.default_rng().integers(2**62)}.duckdb"
        with connect() as connection:
            connection.execute(f"ATTACH {literal(str(path))} AS db").fetchall()
            connection.execute("CREATE SCHEMA db.rows").fetchall()
            for name, rows in self.rows.items():
                connection.register("incoming", arrow(name, rows))
                connection.execute(f"CREATE TABLE db.rows.{name} AS SELECT * FROM incoming").fetchall()
                connection.unregister("incoming")
        return Engine(path, "1GB", threads, folder / "tmp")


def _table(name, rows):
    references = tuple(Reference(c, p) for c, p in REFERENCES[name].items())
    structure = (
        Column("id", Semantic.IDENTIFIER, "BIGINT"),
        *(Column(r.column, Semantic.CATEGORICAL, "BIGINT") for r in references),
    )
    columns = (*structure, *(Column(c, s, "") for c, s in COLUMNS[name].items()))
    timed = name != "shops"
    return Table(name, ("id",), "at" if timed else None, 0, references, columns, len(rows))


def arrow(name, rows):
    """A table's rows as Arrow."""
    types = {"_row": pa.int64(), "_time": pa.int64(), "id": pa.int64()}
    types |= {f"{p}{c}": pa.int64() for c in REFERENCES[name] for p in ("_ref_", "")}
    types |= {c: TYPES[s] for c, s in COLUMNS[name].items()}
    return pa.table({c: pa.array([r[c] for r in rows], t) for c, t in types.items()})


def make(seed, users=6, orders=40, lines=60, span=60):
    """A random world: times are whole days within `span`, so that ties and windows' edges are common."""
    rng = np.random.default_rng(seed)
    sizes = {"users": users, "shops": 3, "orders": orders, "lines": lines}
    rows = {name: [_row(rng, name, sizes, span) for _ in range(n)] for name, n in sizes.items()}
    for table in rows.values():
        table.sort(key=lambda r: r["_time"])
        for i, row in enumerate(table):
            row["_row"] = row["id"] = i
    history = [(int(rng.integers(users)), int(rng.integers(span)) * DAY, float(rng.integers(2))) for _ in range(30)]
    return World(rows, history)


def _row(rng, name, sizes, span):
    time = ALWAYS if name == "shops" else NEVER if rng.random() < 0.05 else int(rng.integers(span)) * DAY
    row = {"_time": int(rng.integers(5)) * DAY if name == "users" else time}
    for column, parent in REFERENCES[name].items():
        row[f"_ref_{column}"] = row[column] = None if rng.random() < 0.1 else int(rng.integers(sizes[parent]))
    for column, semantic in COLUMNS[name].items():
        row[column] = None if rng.random() < 0.15 else value(rng, semantic)
    return row


def value(rng, semantic):
    """A random value of a semantic."""
    match semantic:
        case Semantic.NUMERIC:
            return round(float(rng.normal(10, 20)), 3)
        case Semantic.BOOLEAN:
            return bool(rng.random() < 0.5)
        case Semantic.TEXT:
            return " - ".join(rng.choice(["late", "Broken", "gift wrap", "Ärger", "x2"], int(rng.integers(4))))
        case Semantic.TIMESTAMP:
            return np.datetime64(int(rng.integers(-9000, 0)), "D").astype("datetime64[us]").item()
        case _:
            return "abc"[int(rng.integers(3))]
