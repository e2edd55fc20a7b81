"""Random databases whose structure is known: dense running numbers as keys everywhere, and every trap that they make.

A seed decides tables, naming convention, references (several to one table, self references, keys of two columns, one-to-one
tables), columns that only count, identifiers of tables that are not there, and a few values that name no row.
"""

import random
from dataclasses import dataclass, field

from rdl.database.engine import quote

_NOUNS = """
    customer order product supplier employee department invoice payment shipment warehouse store campaign coupon ticket project
    task team player season course student lecture hotel room booking flight airport airline vehicle driver trip album artist track
    playlist category city country region address account branch policy claim patient doctor visit sensor device reading message
"""
_GHOSTS = ["partner", "vendor", "session", "batch", "terminal", "agency", "contract", "voucher"]  # identifiers of no table
_COUNTS = """
    quantity rank priority age rating level floor points stock weight capacity duration rows up_votes orders customers products
    teams
"""
_ROLES = ["billing", "shipping", "home", "away", "origin", "primary", "backup", "first", "second", "sending"]


@dataclass
class Known:
    """What a generated database is: key by table, parent by (table, columns), time by table."""

    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    references: dict[tuple[str, str], str] = field(default_factory=dict)
    times: dict[str, str | None] = field(default_factory=dict)


class Generator:
    """One random database: `sql` makes it, `known` says what it is."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._style = self._random.choice(["snake", "camel", "pascal", "prefix", "bare"])
        self._plural = self._random.random() < 0.7
        self._start = self._random.choice([0, 1, 1, 1000])
        self.known, self._statements, self._rows = Known(), [], {}
        self._build()

    @property
    def sql(self) -> str:
        return ";\n".join(self._statements)

    def _build(self) -> None:
        nouns = self._random.sample(_NOUNS.split(), self._random.randint(5, 12))
        for i, noun in enumerate(nouns):
            self._table(noun, nouns[:i])
        self._lines(self._random.choice(nouns[1:]), nouns)
        self._extension(self._random.choice(nouns))

    def _name(self, noun: str) -> str:
        word = noun if not self._plural else noun[:-1] + "ies" if noun[-1] == "y" and noun[-2] not in "aeo" else noun + "s"
        word = {"addresss": "addresses", "branchs": "branches"}.get(word, word)
        return {"prefix": f"tbl_{word}", "pascal": word.capitalize()}.get(self._style, word)

    def _column(self, *parts: str) -> str:
        flat = [w for part in parts for w in part.split("_")]
        if self._style == "camel":
            return flat[0] + "".join(w.capitalize() for w in flat[1:])
        if self._style == "pascal":
            return "".join("ID" if w == "id" else w.capitalize() for w in flat)
        return "_".join(["fk", *flat[:-1]] if self._style == "prefix" and flat[-1] == "id" and len(flat) > 1 else flat)

    def _key(self, noun: str) -> str:
        return self._column("id") if self._style in {"bare", "prefix"} else self._column(noun, "id")

    def _table(self, noun: str, parents: list[str]) -> None:
        table, rows = self._name(noun), self._random.choice([8, 30, 200, 1500, 4000])
        self._rows[noun] = rows
        key = self._key(noun)
        self.known.keys[table] = (key,)
        columns = [(key, f"i + {self._start}")]
        for parent in self._random.sample(parents, min(len(parents), self._random.randint(0, 3))):
            roles = self._random.sample(_ROLES, 2) if self._random.random() < 0.25 else [""]
            suffix = () if self._style == "bare" and self._random.random() < 0.3 else ("id",)  # `customer` for `customer_id`
            columns += [self._reference(table, self._column(*filter(None, (role, parent)), *suffix), parent) for role in roles]
        if self._random.random() < 0.25:
            columns.append(self._reference(table, self._column("parent", noun, "id"), noun))
        columns += self._noise()
        self.known.times[table] = None
        if self._random.random() < 0.5:
            self.known.times[table] = self._column("created", "at")
            columns.append((self._column("created", "at"), "TIMESTAMP '2020-01-01' + to_minutes(CAST(i * 13 AS BIGINT))"))
            columns.append((self._column("updated", "at"), "TIMESTAMP '2020-01-01' + to_minutes(CAST(i * 13 + 5000 AS BIGINT))"))
        self._make(table, columns, rows)

    def _reference(self, table: str, column: str, parent: str) -> tuple[str, str]:
        self.known.references[table, column] = self._name(parent)
        value = f"{self._start} + hash(i, {self._salt()}) % {self._rows[parent]}"
        if self._random.random() < 0.2:  # some name no row
            value = f"CASE WHEN hash(i, {self._salt()}) % 200 = 0 THEN 7777777 ELSE {value} END"
        if self._random.random() < 0.3:
            value = f"CASE WHEN hash(i, {self._salt()}) % 10 > 0 THEN {value} END"
        return column, f"CAST({value} AS BIGINT)"

    def _noise(self) -> list[tuple[str, str]]:
        counts = self._random.sample(_COUNTS.split(), self._random.randint(2, 5))
        found = [
            (self._column(c), f"CAST(1 + hash(i, {self._salt()}) % {self._random.choice([3, 8, 60])} AS BIGINT)") for c in counts
        ]
        ghosts = self._random.sample(_GHOSTS, self._random.randint(0, 2))
        found += [(self._column(ghost, "id"), f"CAST(1 + hash(i, {self._salt()}) % 20 AS BIGINT)") for ghost in ghosts]
        found.append((self._column("name"), "'name ' || i"))
        found.append((self._column("amount"), f"(hash(i, {self._salt()}) % 9000) / 7.0"))
        self._random.shuffle(found)
        return found

    def _lines(self, noun: str, nouns: list[str]) -> None:
        """A table without a key of its own: parent and line number."""
        table = self._name(noun + "_line") if self._style != "pascal" else self._name(noun) + "Line"
        parent, line = self._column(noun, "id"), self._column("line", "number")
        self.known.keys[table] = (parent, line)
        self.known.references[table, parent] = self._name(noun)
        self.known.times[table] = None
        rows = self._rows[noun]
        columns = [(parent, f"i // 3 + {self._start}"), (line, "i % 3 + 1")]
        other = self._random.choice([n for n in nouns if n != noun])
        columns += [self._reference(table, self._column(other, "id"), other), *self._noise()]
        self._make(table, columns, rows * 3)

    def _extension(self, noun: str) -> None:
        """A table that is one-to-one with half of another's rows."""
        table = self._name(noun + "_detail") if self._style != "pascal" else self._name(noun) + "Detail"
        column = self._column(noun, "id")
        self.known.keys[table] = (column,)
        self.known.references[table, column] = self._name(noun)
        self.known.times[table] = None
        self._make(table, [(column, f"i * 2 + {self._start}"), *self._noise()], max(2, self._rows[noun] // 2))

    def _make(self, table: str, columns: list[tuple[str, str]], rows: int) -> None:
        listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns)
        self._statements.append(f"CREATE TABLE {quote(table)} AS SELECT {listed} FROM range({rows}) r(i)")

    def _salt(self) -> int:
        return self._random.randint(1, 10**9)
