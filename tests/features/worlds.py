"""Small random databases for the laws of features: ties, nulls, a self reference, a cycle of references, two-hop chains."""

from dataclasses import dataclass, field

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
class Shape:
    """References and columns by table, which tables have no time, and the columns of composite references."""

    references: dict
    columns: dict
    static: tuple = ()
    parts: dict = field(default_factory=dict)


SHOP = Shape(REFERENCES, COLUMNS, ("shops",))


@dataclass(frozen=True)
class World:
    """Rows by table: dicts with `_row`, `_time`, `_ref_*` and the columns; past labels as (entity, time, value)."""

    rows: dict
    history: list
    shape: Shape = SHOP

    @property
    def schema(self):
        """The schema as ingestion would state it."""
        return Schema({name: _table(name, rows, self.shape) for name, rows in self.rows.items()})

    def engine(self, folder, threads=2):
        """An engine over the rows, written as ingestion writes them."""
        path = folder / f"{np.random.default_rng().integers(2**62)}.duckdb"
        with connect() as connection:
            connection.execute(f"ATTACH {literal(str(path))} AS db").fetchall()
            connection.execute("CREATE SCHEMA db.rows").fetchall()
            for name, rows in self.rows.items():
                connection.register("incoming", arrow(name, rows, self.shape))
                connection.execute(f"CREATE TABLE db.rows.{name} AS SELECT * FROM incoming").fetchall()
                connection.unregister("incoming")
        return Engine(path, "1GB", threads, folder / "tmp")


def _table(name, rows, shape):
    references = tuple(Reference(c, p, (), shape.parts.get(c, ())) for c, p in shape.references.get(name, {}).items())
    natives = dict.fromkeys(c for r in references for c in r.columns)
    structure = (Column("id", Semantic.IDENTIFIER, "BIGINT"), *(Column(c, Semantic.CATEGORICAL, "BIGINT") for c in natives))
    columns = (*structure, *(Column(c, s, "") for c, s in shape.columns.get(name, {}).items()))
    return Table(name, ("id",), None if name in shape.static else "at", 0, references, columns, len(rows))


def arrow(name, rows, shape=SHOP):
    """A table's rows as Arrow."""
    types = {"_row": pa.int64(), "_time": pa.int64(), "id": pa.int64()}
    for column in shape.references.get(name, {}):
        types |= {f"_ref_{column}": pa.int64(), **dict.fromkeys(shape.parts.get(column, (column,)), pa.int64())}
    types |= {c: TYPES[s] for c, s in shape.columns.get(name, {}).items()}
    return pa.table({c: pa.array([r[c] for r in rows], t) for c, t in types.items()})


def make(seed, users=6, orders=40, lines=60, span=60):
    """A random shop: times are whole days within `span`, so that ties and windows' edges are common."""
    return shaped(seed, SHOP, {"users": users, "shops": 3, "orders": orders, "lines": lines}, "users", span)


def shaped(seed, shape, sizes, entity, span=60, early=5):
    """A random world of any shape, with `sizes` rows a table; entities come within the first `early` days."""
    rng = np.random.default_rng(seed)
    rows = {
        name: [_row(rng, name, sizes, early if name == entity else 0, span, shape) for _ in range(n)] for name, n in sizes.items()
    }
    for table in rows.values():
        table.sort(key=lambda r: r["_time"])
        for i, row in enumerate(table):
            row["_row"] = row["id"] = i
    history = [(int(rng.integers(sizes[entity])), int(rng.integers(span)) * DAY, float(rng.integers(2))) for _ in range(30)]
    return World(rows, history, shape)


def _row(rng, name, sizes, early, span, shape):
    time = NEVER if rng.random() < 0.05 else int(rng.integers(span)) * DAY
    row = {"_time": ALWAYS if name in shape.static else int(rng.integers(early)) * DAY if early else time}
    for column, parent in shape.references.get(name, {}).items():
        found = None if rng.random() < 0.1 else int(rng.integers(sizes[parent]))
        row[f"_ref_{column}"] = found
        row.update(dict.fromkeys(shape.parts.get(column, (column,)), found))
    for column, semantic in shape.columns.get(name, {}).items():
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
