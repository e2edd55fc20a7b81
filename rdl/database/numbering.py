"""From clean rows to `rows."table"`: dense `_row` ids in the order of (time, key), `_time` with the lag added, `_ref_*` to parents.

Parents are numbered before their children, so a child is written once, with its references resolved. A Parquet table that lies in
the right order already, and of which nothing is dropped or changed, is not copied: its numbers are stored beside it.

Appended rows that are later than all before them leave every earlier number as it is; so do, in a table without time, new keys
that sort last, or later watermarks where it declares one.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rdl.database.checks.finding import Check, Finding, Policy, examples
from rdl.database.checks.rows import clean
from rdl.database.declared import Declared
from rdl.database.engine import literal, load_sql, quote
from rdl.database.keys import as_key
from rdl.database.relation import Ask, Relation
from rdl.database.schema import Reference
from rdl.errors import SchemaError
from rdl.timeline import ALWAYS, DAY, NEVER

log = logging.getLogger(__name__)

_GLANCE = 10_000
_FAR = 2**62  # times beyond are none that a lag can be added to


@dataclass(frozen=True)
class Numbered:
    """One numbered table: what was found on the way, and whether its values stay in their Parquet files."""

    findings: tuple[Finding, ...]
    in_place: bool


@dataclass(frozen=True)
class Link:
    """One reference of a table, as a join to the numbered rows of its parent.

    Attributes:
        alias: what the parent's row ids are called in `join`; the child's rows are called `o`.
        child, parent: their declarations.
    """

    reference: Reference
    alias: str
    join: str
    child: Declared
    parent: Declared

    @property
    def name(self) -> str:
        """The quoted column that the parent's row id is written to."""
        return quote(f"_ref_{self.reference.column}")

    @property
    def early(self) -> str:
        """SQL that is true where the row happened before its parent; a row at midnight may carry a date only."""
        if self.child.time is None or self.parent.time is None:
            return "false"
        mine, theirs = f"(o._time - {self.child.lag})", f"({self.alias}._time - {self.parent.lag})"
        known = f"o._time BETWEEN -{_FAR} AND {_FAR} AND {self.alias}._time BETWEEN -{_FAR} AND {_FAR}"
        same_day = f"{mine} % {DAY} = 0 AND {theirs} - {mine} < {DAY}"
        return f"(CASE WHEN {known} THEN {mine} < {theirs} AND NOT ({same_day}) ELSE false END)"

    @property
    def dangling(self) -> str:
        """SQL that is true where the row names a parent that is not there."""
        known = " AND ".join(f"o.{quote(c)} IS NOT NULL" for c in self.reference.columns)
        return f"({known} AND {self.alias}._row IS NULL)"

    @property
    def value(self) -> str:
        """SQL of what the reference holds."""
        columns = [f"o.{quote(c)}" for c in self.reference.columns]
        return columns[0] if len(columns) == 1 else f"concat_ws(', ', {', '.join(f'CAST({c} AS VARCHAR)' for c in columns)})"

    @property
    def nullable(self) -> tuple[str, ...]:
        """The columns that a dangling value may be taken out of: no part of the key, nor of another reference."""
        others = {c for r in self.child.references if r != self.reference for c in r.columns} | {*self.child.key}
        return tuple(c for c in self.reference.columns if c not in others)

    @property
    def changes(self) -> Mapping[Check, str]:
        """The predicates of the rows that a policy drops, or takes the reference out of."""
        found = {Check.DANGLING: self.dangling, Check.BEFORE_PARENT: self.early}
        policies = {check: self.child.policies[check] for check in found}
        if not self.nullable and policies[Check.DANGLING] is Policy.NULL:
            del found[Check.DANGLING]
        return {check: sql for check, sql in found.items() if policies[check] in {Policy.DROP, Policy.NULL} and sql != "false"}


class Numbering:
    """Numbers every table of an opened source into the attached database `db`.

    Args:
        now: when the source was read, in microseconds UTC: what lies after it is the future.
        copy: copy Parquet files too.
    """

    def __init__(
        self, ask: Ask, relations: Mapping[str, Relation], declared: Mapping[str, Declared], now: int, copy: bool = False
    ) -> None:
        self._ask, self._relations, self._declared, self._now, self._copy = ask, relations, declared, now, copy
        self._selects: dict[str, str] = {}
        self._maps: set[tuple[str, tuple[str, ...]]] = set()

    def run(self) -> dict[str, Numbered]:
        """Write `rows."t"` and the view `main."t"` of the native columns for every table t.

        Raises:
            SchemaError: a check refuses what it found, or a reference names rows that are not unique.
        """
        self._ask("CREATE SCHEMA IF NOT EXISTS stage.keys")
        return {name: self._number(name) for name in self._parents_first()}

    def _parents_first(self) -> Iterator[str]:
        """Every table after the tables it references; a circle is entered at its first name."""
        done: dict[str, None] = {}
        for name in sorted(self._declared):
            self._visit(name, done, ())
        yield from done

    def _visit(self, name: str, done: dict[str, None], above: tuple[str, ...]) -> None:
        if name in done or name in above:
            return
        for parent in sorted({r.table for r in self._declared[name].references}):
            self._visit(parent, done, (*above, name))
        done[name] = None

    def _number(self, name: str) -> Numbered:
        log.info("database: numbering %s", name)
        table, relation = self._declared[name], self._relations[name]
        cleaned = clean(self._ask, relation, table, self._now)
        self._selects[name] = cleaned.select
        links = [self._link(i, table, reference) for i, reference in enumerate(table.references)]
        changed = self._change(table, links) if any(link.changes for link in links) else ()
        in_place = cleaned.whole and not changed and self._lies_in_order(table, relation)
        if in_place:
            self._write_beside(table, relation, links)
        else:
            self._write(table, relation, links)
        native = ", ".join(quote(c) for c in relation.types)
        source = (
            _files(relation) if in_place else f"db.rows.{quote(name)}"
        )  # of files alone the planner knows how many rows there are
        self._ask(f"CREATE VIEW db.main.{quote(name)} AS SELECT {native} FROM {source}")
        self._assert_order(name, in_place)
        return Numbered((*cleaned.findings, *changed), in_place)

    def _time(self, table: Declared) -> str:
        if table.time is None:
            return f"CAST({ALWAYS} AS BIGINT)"
        time = f"try_cast({quote(table.time)} AS TIMESTAMP)"  # a date of the year 300000 is no timestamp
        known = f"{time} IS NOT NULL AND NOT isinf({time}) AND epoch_us({time}) < {_FAR}"
        return f"CASE WHEN {known} THEN epoch_us({time}) + {table.lag} ELSE {NEVER} END"

    def _order(self, table: Declared) -> tuple[str, ...]:
        """What orders the rows of one time: the key, or every column where there is none; the watermark first in a static table."""
        key = table.key or tuple(self._relations[table.name].types)
        return (table.watermark, *key) if table.time is None and table.watermark else key

    def _link(self, i: int, table: Declared, reference: Reference) -> Link:
        """The join that finds a reference's parent rows."""
        parent = self._declared[reference.table]
        key = reference.key or parent.key
        self._map(parent, key, table, reference)
        own, theirs = self._relations[table.name].types, self._relations[parent.name].types
        pairs = zip(reference.columns, key, strict=True)
        on = " AND ".join(f"p{i}.{quote(k)} = {as_key(f'o.{quote(c)}', own[c], theirs[k])}" for c, k in pairs)
        join = f"LEFT JOIN {_map_name(parent.name, key)} p{i} ON {on}"
        return Link(reference, f"p{i}", join, table, parent)

    def _map(self, parent: Declared, key: tuple[str, ...], child: Declared, reference: Reference) -> None:
        """Write the row ids by key of the rows that a reference may name."""
        if (parent.name, key) in self._maps:
            return
        if parent.name not in self._selects:  # a circle: the parent comes later, and is cleaned then
            self._selects[parent.name] = clean(self._ask, self._relations[parent.name], parent, self._now).select
        target = _map_name(parent.name, key)
        self._ask(f"DROP TABLE IF EXISTS {target}")
        self._ask(
            load_sql("staging/keys.sql").format(
                target=target,
                select=self._selects[parent.name],
                time=self._time(parent),
                order=", ".join(quote(c) for c in self._order(parent)),
                columns=", ".join(quote(c) for c in key),
            )
        )
        self._maps.add((parent.name, key))
        if key != parent.key:
            self._check_unique(target, parent, key, child, reference)

    def _check_unique(self, target: str, parent: Declared, key: tuple[str, ...], child: Declared, reference: Reference) -> None:
        columns = ", ".join(quote(c) for c in key)
        known = " AND ".join(f"{quote(c)} IS NOT NULL" for c in key)
        double = self._ask(
            f"SELECT {columns}, count(*) AS n FROM {target} WHERE {known} GROUP BY ALL HAVING n > 1 ORDER BY ALL LIMIT 1"
        )
        if double:
            *values, count = double[0]
            raise SchemaError(
                f"{child.name}.{reference.column} references {parent.name}.{', '.join(key)}, "
                f"where {', '.join(map(str, values))!r} stands in {count} rows",
                where=f"table {child.name}, references",
                fix="reference columns that are unique, or keep one row each in a staging SELECT",
            )

    def _change(self, table: Declared, links: list[Link]) -> tuple[Finding, ...]:
        """Count the rows that references say are to be dropped or changed, and do so in the table's SELECT.

        A row that names a dropped row of its own table dangles then, so it is done until nothing is left to do.
        """
        wanted = [(link.reference.column, check) for link in links for check in link.changes]
        counts, total = dict.fromkeys(wanted, 0), 0
        shown: dict[tuple[str, Check], tuple[str, ...]] = {}
        while True:
            tests = [sql for link in links for sql in link.changes.values()]
            joins = "\n".join(link.join for link in links)
            source = f"(SELECT {self._time(table)} AS _time, * FROM ({self._selects[table.name]})) o\n{joins}"
            rows, *found = self._ask(f"SELECT count(*){''.join(f', count(*) FILTER ({sql})' for sql in tests)} FROM {source}")[0]
            total = max(total, rows)
            if not any(found):
                break
            counts = {place: counts[place] + n for place, n in zip(wanted, found, strict=True)}
            shown = shown or self._examples(links, source)
            kept = f"stage.keys.{quote(f'{table.name} {len(self._maps)} {sum(counts.values())}')}"
            self._ask(f"CREATE TABLE {kept} AS SELECT {_changed(table, links)} FROM {source} WHERE {_stays(table, links)}")
            self._selects[table.name] = f"SELECT * FROM {kept}"
            self._maps = {(parent, key) for parent, key in self._maps if parent != table.name}
            links[:] = [self._link(i, table, link.reference) for i, link in enumerate(links)]
        return tuple(
            Finding(table.name, check, column, count, count / total, shown[column, check], table.policies[check])
            for (column, check), count in counts.items()
            if count
        )

    def _examples(self, links: list[Link], source: str) -> dict[tuple[str, Check], tuple[str, ...]]:
        """The first few values of every reference that fails a test."""
        wanted = [(link, check, sql) for link in links for check, sql in link.changes.items()]
        few = ", ".join(f"CAST(min(DISTINCT {link.value}, 3) FILTER ({sql}) AS VARCHAR[])" for link, _, sql in wanted)
        found = self._ask(f"SELECT {few} FROM {source}")[0]
        return {(link.reference.column, check): examples(values) for (link, check, _), values in zip(wanted, found, strict=True)}

    def _lies_in_order(self, table: Declared, relation: Relation) -> bool:
        """Whether the table's Parquet files hold its rows in the order of (time, key), nothing else said."""
        if self._copy or not relation.parquet:
            return False
        columns = ", ".join(quote(c) for c in self._order(table))
        for limit in (f" LIMIT {_GLANCE}", ""):
            rows = f"SELECT row({self._time(table)}, {columns}) AS place FROM {relation.sql}{limit}"
            if self._ask(f"SELECT 1 FROM (SELECT place < lag(place) OVER () AS back FROM ({rows})) WHERE back LIMIT 1"):
                log.info("database: %s is not in the order of time and key as it lies: it is copied", table.name)
                return False
        return True

    def _write(self, table: Declared, relation: Relation, links: list[Link]) -> None:
        self._ask(
            load_sql("staging/number.sql").format(
                target=f"db.rows.{quote(table.name)}",
                select=self._selects[table.name],
                time=self._time(table),
                order=", ".join(f"o.{quote(c)}" for c in self._order(table)),
                references="".join(f", {link.alias}._row AS {link.name}" for link in links),
                resolved="".join(f", {link.name}" for link in links),
                columns="".join(f", {quote(c)}" for c in relation.types),
                joins="\n".join(link.join for link in links),
            )
        )

    def _write_beside(self, table: Declared, relation: Relation, links: list[Link]) -> None:
        """Write `links."t"`, and `rows."t"` as a view of it beside the Parquet files."""
        needed = {c for link in links for c in link.reference.columns} | ({table.time} if table.time else set())
        columns = [c for c in relation.types if c in needed] or list(relation.types)[:1]
        files = _files(relation)
        target = f"db.links.{quote(table.name)}"
        for order in ("", "ORDER BY o._row"):  # joins keep the order of the files as a rule, and a sort costs more than a look
            self._ask(f"DROP TABLE IF EXISTS {target}")
            self._ask(
                load_sql("staging/link.sql").format(
                    target=target,
                    files=files,
                    time=self._time(table),
                    columns=", ".join(quote(c) for c in columns),
                    references="".join(f", {link.alias}._row AS {link.name}" for link in links),
                    joins="\n".join(link.join for link in links),
                    order=order,
                )
            )
            if not self._disorder(target):
                break
        native = "".join(f", p.{quote(c)}" for c in relation.types)
        self._ask(
            f"CREATE VIEW db.rows.{quote(table.name)} AS "
            f"SELECT l.*{native} FROM db.links.{quote(table.name)} l POSITIONAL JOIN {files} p"
        )

    def _assert_order(self, name: str, in_place: bool) -> None:
        bad = self._disorder(f"db.{'links' if in_place else 'rows'}.{quote(name)}")
        if bad:
            raise SchemaError(
                f"{bad} rows of {name!r} were written out of time order",
                where="ingestion",
                fix="report this as a defect of rdl",
            )

    def _disorder(self, target: str) -> int:
        """How many rows of a written table lie elsewhere than their number says, or before a row of an earlier time."""
        moved = "SELECT _time < lag(_time) OVER () AS late, _row <> rowid AS moved"
        found: int = self._ask(f"SELECT count(*) FROM ({moved} FROM {target}) WHERE late OR moved")[0][0]
        return found


def _files(relation: Relation) -> str:
    """The Parquet files of a relation, in their order, as a table."""
    return f"read_parquet([{', '.join(literal(str(file)) for file in relation.parquet)}])"


def _changed(table: Declared, links: list[Link]) -> str:
    """The columns of a row, without its time, and without what dangles where it is to be null."""
    if table.policies[Check.DANGLING] is not Policy.NULL:
        return "o.* EXCLUDE (_time)"
    values = (f"CASE WHEN {link.dangling} THEN NULL ELSE o.{quote(c)} END AS {quote(c)}" for link in links for c in link.nullable)
    return f"o.* EXCLUDE (_time) REPLACE ({', '.join(values)})"


def _stays(table: Declared, links: list[Link]) -> str:
    """Whether a row stays."""
    drops = [sql for link in links for check, sql in link.changes.items() if table.policies[check] is Policy.DROP]
    return f"NOT coalesce({' OR '.join(drops)}, false)" if drops else "true"


def _map_name(parent: str, key: tuple[str, ...]) -> str:
    return f"stage.keys.{quote('/'.join((parent, *key)))}"
