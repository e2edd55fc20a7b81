"""What the values say: one pass over every table, and exact counts for the few columns that turn out to be candidates.

Nothing depends on the order of rows or on the number of threads: counts are exact or from mergeable sketches, and where values are
looked at one by one, the part looked at is chosen by a hash of one column's values, which keeps rows of one value together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from rdl.database.engine import load_sql, quote
from rdl.database.keys import as_key
from rdl.database.relation import Ask, Relation

SAMPLE = 20_000  # rows whose values are looked at one by one: shares are then known to about half a percent
_BLOCK = 40  # columns in one statement: a table of 500 columns is read in 13 passes, each of bounded size


class Kind(StrEnum):
    """A column's SQL type, as far as inference tells types apart."""

    WHOLE = "whole"
    REAL = "real"
    TEXT = "text"
    TIME = "time"
    CLOCK = "clock"
    BOOLEAN = "boolean"
    UUID = "uuid"
    LIST = "list"
    OTHER = "other"


def kind_of(sql_type: str) -> Kind:
    """The kind of an SQL type."""
    kind = sql_type.upper()
    if kind.endswith("]"):
        return Kind.LIST
    if kind.removeprefix("U") in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INT"}:
        return Kind.WHOLE
    if kind.startswith("DECIMAL"):
        return Kind.WHOLE if kind.replace(" ", "").endswith(",0)") else Kind.REAL
    if kind in {"FLOAT", "DOUBLE", "REAL"}:
        return Kind.REAL
    for start, found in (("VARCHAR", Kind.TEXT), ("ENUM", Kind.TEXT), ("TIMESTAMP", Kind.TIME), ("DATE", Kind.TIME)):
        if kind.startswith(start):
            return found
    if kind.startswith("TIME"):
        return Kind.CLOCK
    return {"BOOLEAN": Kind.BOOLEAN, "UUID": Kind.UUID}.get(kind, Kind.OTHER)


@dataclass(frozen=True)
class Shape:
    """What a sample of a column's known values looks like; shares are in [0, 1].

    Attributes:
        known: values looked at.
        length: mean characters of a value, longest: of the longest.
        words: mean words of a value.
        whole: share without a fraction: of numbers, and of text that reads as one.
        email: share that reads as an e-mail address.
        sizes: fewest and most entries of a list.
        casts: share that reads as a time, by the name of the format.
        separated: share that one separator divides, by separator.
    """

    known: int = 0
    length: float = 0.0
    longest: int = 0
    words: float = 0.0
    whole: float = 0.0
    email: float = 0.0
    sizes: tuple[int, int] = (0, 0)
    casts: Mapping[str, float] = field(default_factory=dict)
    separated: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """One column.

    Attributes:
        position: 0 for the first.
        rows: of the table; known: those that are not null.
        distinct: different values, from a sketch: about 5 percent off at most.
        low, high: least and greatest value: numbers, microseconds of times, the first 64 characters of text.
    """

    table: str
    name: str
    sql_type: str
    kind: Kind
    position: int
    rows: int
    known: int
    distinct: int
    low: Any
    high: Any
    shape: Shape = field(default_factory=Shape)

    @property
    def filled(self) -> float:
        """The share of rows where the value is known."""
        return self.known / self.rows if self.rows else 0.0

    @property
    def integral(self) -> bool:
        """Whether the values are whole numbers, whatever the type."""
        return self.kind is Kind.WHOLE or (self.kind is Kind.REAL and self.known > 0 and self.shape.whole == 1.0)

    @property
    def density(self) -> float:
        """Of the whole numbers between the least and the greatest, the share that occurs; 0 where values are no numbers."""
        if not self.integral or self.low is None or self.distinct == 0:
            return 0.0
        return min(1.0, self.distinct / (float(self.high) - float(self.low) + 1))


TIME_FORMATS: Mapping[str, str] = {
    "iso": "CAST({c} AS TIMESTAMP)",
    "%d.%m.%Y": "strptime({c}, ['%d.%m.%Y', '%d.%m.%Y %H:%M', '%d.%m.%Y %H:%M:%S'])",
    "%d/%m/%Y": "strptime({c}, ['%d/%m/%Y', '%d/%m/%Y %H:%M', '%d/%m/%Y %H:%M:%S'])",
    "%m/%d/%Y": "strptime({c}, ['%m/%d/%Y', '%m/%d/%Y %H:%M', '%m/%d/%Y %H:%M:%S'])",
    "%Y/%m/%d": "strptime({c}, ['%Y/%m/%d', '%Y/%m/%d %H:%M', '%Y/%m/%d %H:%M:%S'])",
    "%Y%m%d": "strptime(CAST({c} AS VARCHAR), '%Y%m%d')",
}
"""SQL that reads a text as a time, by the name of the format."""

SEPARATORS = ("|", ";", ",")


class Survey:
    """The columns of a database, and exact answers about a few of them, each asked for once."""

    def __init__(self, ask: Ask, relations: Mapping[str, Relation]) -> None:
        self._ask, self.relations = ask, relations
        self.tables: dict[str, dict[str, Facts]] = {name: self._profile(relation) for name, relation in relations.items()}
        self._counts: dict[tuple[str, tuple[str, ...]], int] = {}

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        return next((f.rows for f in self.tables[table].values()), 0)

    def ask(self, template: str, **parts: str) -> tuple[Any, ...]:
        """The one row that a shipped template answers."""
        return self._ask(load_sql(f"inference/{template}.sql").format(**parts))[0]

    def distinct(self, table: str, columns: Sequence[str]) -> int:
        """Exactly how many combinations of known values the columns hold."""
        at = (table, tuple(columns))
        if at not in self._counts:
            names = [quote(c) for c in columns]
            known = " AND ".join(f"{c} IS NOT NULL" for c in names)
            self._counts[at] = self.ask("distinct", table=self.relations[table].sql, columns=", ".join(names), known=known)[0]
        return self._counts[at]

    def unique(self, table: str, columns: Sequence[str]) -> bool:
        """Whether the columns are never null and no combination occurs twice."""
        facts = [self.tables[table][c] for c in columns]
        return all(f.known == f.rows for f in facts) and self.distinct(table, columns) == facts[0].rows

    def inclusion(self, child: str, columns: Sequence[str], parent: str, key: Sequence[str]) -> tuple[int, int, int, int]:
        """Distinct values of the child, those that are keys of the parent, the parent's keys, and those in the child's range."""
        pairs = [(self.tables[child][c], self.tables[parent][k]) for c, k in zip(columns, key, strict=True)]
        numbered = list(enumerate(pairs))
        found = self.ask(
            "inclusion",
            child=self.relations[child].sql,
            parent=self.relations[parent].sql,
            originals=", ".join(f"{quote(c.name)} AS o{i}" for i, (c, _) in numbered),
            values=", ".join(f"{as_key(quote(c.name), c.sql_type, k.sql_type)} AS v{i}" for i, (c, k) in numbered),
            known=" AND ".join(f"{quote(c.name)} IS NOT NULL" for c, _ in pairs),
            keys=", ".join(f"{quote(k.name)} AS v{i}" for i, (_, k) in numbered),
            match=" AND ".join(f"c.v{i} = p.v{i}" for i, _ in numbered),
        )
        return found[0], found[1], found[2], found[3]

    def keep(self, table: str, column: str | None = None, rows: int = SAMPLE) -> str:
        """A condition that keeps about `rows` rows: all of those that share a value of `column`, by default the most varied."""
        total = self.rows(table)
        if column is None:
            return _sampled(self.tables[table].values(), rows)
        return _hashed((column,), total, rows) if total > rows else "true"

    def _profile(self, relation: Relation) -> dict[str, Facts]:
        plain = list(enumerate(relation.types.items()))
        facts: dict[str, Facts] = {}
        for start in range(0, len(plain), _BLOCK):
            block = plain[start : start + _BLOCK]
            aggregates = ", ".join(a for _, (name, kind) in block for a in _aggregates(name, kind))
            rows, *found = self.ask("profile", table=relation.sql, aggregates=aggregates)
            for i, (position, (name, kind)) in enumerate(block):
                known, distinct, low, high = found[4 * i : 4 * i + 4]
                facts[name] = Facts(
                    relation.name, name, kind, kind_of(kind), position, rows, known, min(distinct, known), low, high
                )
        return self._shaped(relation, facts) if facts else facts

    def _shaped(self, relation: Relation, facts: dict[str, Facts]) -> dict[str, Facts]:
        """The facts with the shape of their values."""
        keep = _sampled(facts.values())
        looked = [f for f in facts.values() if f.kind in {Kind.TEXT, Kind.REAL, Kind.LIST} and f.known]
        shaped = dict(facts)
        for start in range(0, len(looked), _BLOCK):
            block = looked[start : start + _BLOCK]
            aggregates = ", ".join(", ".join(_shape_aggregates(f)) for f in block)
            _, *found = self.ask("sample", table=relation.sql, keep=keep, aggregates=aggregates)
            for f in block:
                values, found = found[: len(_shape_aggregates(f))], found[len(_shape_aggregates(f)) :]
                shaped[f.name] = replace(f, shape=_shape(f, values))
        return shaped


def _sampled(columns: Iterable[Facts], rows: int = SAMPLE) -> str:
    """A condition that keeps about `rows` rows, by the most varied column, or by all together where none varies much."""
    every = list(columns)
    widest = max(every, key=lambda f: (f.distinct, -f.position))
    if widest.rows <= rows:
        return "true"
    chosen = (widest.name,) if widest.distinct >= 1000 else tuple(f.name for f in every)
    return _hashed(chosen, widest.rows, rows)


def _hashed(columns: Sequence[str], total: int, rows: int) -> str:
    return f"hash({', '.join(quote(c) for c in columns)}) % {max(1, total // rows)} = 0"


def _aggregates(name: str, sql_type: str) -> list[str]:
    """Known values, distinct values, least and greatest, of one column."""
    c, kind = quote(name), kind_of(sql_type)
    low = high = "NULL"
    if kind in {Kind.WHOLE, Kind.REAL}:
        low, high = f"min({c})", f"max({c})"
    elif kind is Kind.TIME:
        low, high = (f"{end}(epoch_us(try_cast({c} AS TIMESTAMP))) FILTER (isfinite({c}))" for end in ("min", "max"))
    elif kind is Kind.TEXT:
        low, high = f"min(CAST({c} AS VARCHAR)[:64])", f"max(CAST({c} AS VARCHAR)[:64])"
    distinct = "0" if kind in {Kind.LIST, Kind.OTHER} else f"approx_count_distinct({c})"
    return [f"count({c})", distinct, low, high]


def _shape_aggregates(facts: Facts) -> list[str]:
    c = quote(facts.name)
    if facts.kind is Kind.REAL:
        return [f"count({c})", f"coalesce(avg(CAST({c} = floor({c}) AS INTEGER)), 0)"]
    if facts.kind is Kind.LIST:
        return [f"count({c})", f"coalesce(min(len({c})), 0)", f"coalesce(max(len({c})), 0)"]
    text = f"CAST({c} AS VARCHAR)"
    cut = f"{text}[:200]"
    return [
        f"count({c})",
        f"coalesce(avg(length({text})), 0)",
        f"coalesce(max(length({text})), 0)",
        f"coalesce(avg(length({cut}) - length(replace({cut}, ' ', '')) + 1), 0)",
        _share(f"regexp_full_match({cut}, '[+-]?\\d{{1,18}}')"),
        _share(f"regexp_full_match({cut}, '[^@\\s]+@[^@\\s]+\\.[A-Za-z]{{2,}}')"),
        *(_share(f"{_tried(sql).format(c=cut)} IS NOT NULL") for sql in TIME_FORMATS.values()),
        *(_share(f"contains({cut}, '{s}')") for s in SEPARATORS),
    ]


def _tried(sql: str) -> str:
    return sql.replace("strptime", "try_strptime").replace("CAST({c} AS TIMESTAMP)", "TRY_CAST({c} AS TIMESTAMP)")


def _share(condition: str) -> str:
    return f"coalesce(avg(CAST({condition} AS INTEGER)), 0)"


def _shape(facts: Facts, values: Sequence[Any]) -> Shape:
    if facts.kind is Kind.REAL:
        return Shape(known=values[0], whole=values[1])
    if facts.kind is Kind.LIST:
        return Shape(known=values[0], sizes=(values[1], values[2]))
    known, length, longest, words, whole, email, *rest = values
    casts = dict(zip(TIME_FORMATS, rest, strict=False))
    return Shape(
        known, length, longest, words, whole, email, casts=casts, separated=dict(zip(SEPARATORS, rest[len(casts) :], strict=True))
    )
