"""What changes when rows change that a query may not read: the queries run again with those rows gone.

Each query is asked at a few cutoffs, as it is and with rows left out: those at or after the horizon's end (no label may change),
those at or after the cutoff (no population may change), those before the cutoff (a label that changes reads history). A table is
changed by a common table expression of its name around the query, so nothing is copied, whatever its size.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rdl.database import Database, Table, quote
from rdl.database.sandbox import Sandbox
from rdl.errors import TaskError
from rdl.task.cutoffs import mature_cutoffs
from rdl.task.lint.finding import Finding, Rule
from rdl.task.lint.place import Place
from rdl.task.task import Task
from rdl.timeline import NEVER, format_time

if TYPE_CHECKING:
    import polars as pl

_CUTOFFS = 3
_NEAR = 1e-9  # sums of floats differ in their last digits with the order of rows


@dataclass(frozen=True)
class _Change:
    """What differs between two results: an example, and whether any value differs and not only who has one."""

    example: str
    values: bool


def read_changed(database: Database, task: Task, places: tuple[Place, ...]) -> list[Finding]:
    """Everything that runs on changed rows show, at most one finding a rule and table.

    Raises:
        SqlError: a query fails.
    """
    found: dict[tuple[str, str], Finding] = {}
    with database.sandbox() as sandbox:
        for cutoff in _cutoffs(database, task):
            trial = _Trial(database, task, sandbox, cutoff)
            for finding in trial.findings({place.name: place for place in places}):
                found.setdefault((finding.rule.value, finding.table), finding)
    return list(found.values())


def _cutoffs(database: Database, task: Task) -> list[int]:
    """Cutoffs whose labels are whole, with rows on either side: early, late and the last but a few."""
    try:
        known = mature_cutoffs(task, database.span[1] + 1, database.span)
    except TaskError:  # training says so itself
        return []
    return [int(known[round(share * (len(known) - 1))]) for share in np.linspace(0.5, 0.9, _CUTOFFS)]


class _Trial:
    """The queries of a task at one cutoff, as they are and with rows left out."""

    def __init__(self, database: Database, task: Task, sandbox: Sandbox, cutoff: int) -> None:
        self.task, self.cutoff = task, cutoff
        self._database, self._sandbox = database, sandbox

    def findings(self, places: dict[str, Place]) -> list[Finding]:
        """What the population and the label show."""
        found: list[Finding] = []
        people = None
        if "population" in places:
            people = self._ask(places["population"], {})
            found += self._population(places["population"], people)
        whole = self._ask(places["label"], {})
        found += self._ends(places["label"], whole, people)
        found += self._history(places["label"], whole, people)
        return found

    def _population(self, place: Place, people: "pl.DataFrame") -> list[Finding]:
        """Rows that nobody has seen at the cutoff decide nothing; if they seem to, the lag may be all there is to it."""
        timed = self._timed(place)

        def compare(tables: Sequence[Table], lagged: bool) -> _Change | None:
            conditions = {t.name: f"_time - {0 if lagged else t.lag} < {self.cutoff}" for t in tables}
            return _differ(people, self._ask(place, conditions), None)

        cutoff = format_time(self.cutoff)
        for lagged, rule in ((False, Rule.POPULATION_CHANGES), (True, Rule.POPULATION_LAG)):
            if lagged and not any(t.lag for t in timed):
                continue
            culprit = _culprit(timed, lambda tables, lagged=lagged: compare(tables, lagged))  # type: ignore[misc]
            if culprit is not None:
                table, change = culprit
                late = "that have not arrived" if lagged else f"at or after {cutoff}"
                what = f"the population at {cutoff} changes without the rows of {table} {late}: {change.example}"
                return [place.finding(rule, _mention(place, table), what, "read only rows with time + lag < cutoff", table)]
        return []

    def _ends(self, place: Place, whole: "pl.DataFrame", people: "pl.DataFrame | None") -> list[Finding]:
        """No label changes without the rows beyond the horizon's end."""
        end = self.cutoff + self.task.horizon + (1 if self.task.closed else 0)

        def compare(tables: Sequence[Table]) -> _Change | None:
            return _differ(whole, self._ask(place, {t.name: f"_time - {t.lag} < {end}" for t in tables}), people)

        culprit = _culprit(self._timed(place), compare)
        if culprit is None:
            return []
        table, change = culprit
        rule = Rule.LABEL_CHANGES if change.values or people is not None else Rule.POPULATION_FROM_FUTURE
        subject = "labels" if rule is Rule.LABEL_CHANGES else "who is asked about"
        what = (
            f"{subject} at {format_time(self.cutoff)} change without the rows of {table} after the horizon's end, "
            f"{format_time(self.cutoff + self.task.horizon)}: {change.example}"
        )
        return [place.finding(rule, _mention(place, table), what, "end every window at cutoff + $horizon", table)]

    def _history(self, place: Place, whole: "pl.DataFrame", people: "pl.DataFrame | None") -> list[Finding]:
        """Whether a label changes without the rows before the cutoff, which may be meant."""

        def compare(tables: Sequence[Table]) -> _Change | None:
            conditions = {t.name: f"_time - {t.lag} >= {self.cutoff}" for t in tables}
            change = _differ(whole, self._ask(place, conditions), people)
            return change if change is not None and change.values else None

        timed = [t for t in self._timed(place) if t.name != self.task.entity_table]
        culprit = _culprit(timed, compare)
        if culprit is None:
            return []
        table, change = culprit
        what = f"labels at {format_time(self.cutoff)} depend on rows of {table} before the cutoff: {change.example}"
        fix = "nothing, where a threshold or a comparison with the past is meant"
        return [place.finding(Rule.READS_HISTORY, _mention(place, table), what, fix, table)]

    def _timed(self, place: Place) -> list[Table]:
        """The tables with a time that the query names."""
        words = {word.lower() for word in re.findall(r"\w+", place.sql)}
        tables = self._database.schema.tables.values()
        return [t for t in tables if t.time is not None and words >= {w.lower() for w in re.findall(r"\w+", t.name)}]

    def _ask(self, place: Place, conditions: dict[str, str]) -> "pl.DataFrame":
        """The query's result at the cutoff, with only those rows of the named tables that fulfil their condition."""
        import polars as pl

        table, column = self.task.grid
        grid = pa.table({column: pa.array([self.cutoff], pa.timestamp("us"))})
        params = {"horizon": timedelta(microseconds=self.task.horizon)}
        sql = place.sql
        if conditions:
            parts = [self._changed(self._database.schema[name], condition) for name, condition in conditions.items()]
            names = "|".join(re.escape(name) for name in conditions)
            bare = re.sub(rf'\b(?:db\.)?main\.(?="?(?:{names})\b)', "", sql, flags=re.IGNORECASE)
            sql = f"WITH {', '.join(parts)} SELECT * FROM (\n{bare}\n)"
        result = self._sandbox.select(sql, f"{self.task.path}, {place.name} query", {table: grid}, params)
        frame = pl.from_arrow(result)
        assert isinstance(frame, pl.DataFrame)
        label = self.task.label_column if place.name == "label" else None
        frame = frame.drop(self.task.cutoff_column, strict=False)
        if label is not None and label in frame.columns:
            return frame.rename({label: _LABEL})
        return frame.unique().with_columns(pl.lit(value=True).alias(_LABEL))

    def _changed(self, table: Table, condition: str) -> str:
        columns = ", ".join(quote(column.name) for column in table.columns)
        kept = f"_time = {NEVER} OR {condition}"
        return f"{quote(table.name)} AS (SELECT {columns} FROM db.rows.{quote(table.name)} WHERE {kept})"


_LABEL = "\x00label"


def _culprit(tables: list[Table], compare: Callable[[Sequence[Table]], _Change | None]) -> tuple[str, _Change] | None:
    """The table whose rows make the difference, and the difference; that of all together where none does alone."""
    together = compare(tables) if tables else None
    if together is None:
        return None
    for table in tables:
        alone = compare([table])
        if alone is not None:
            return table.name, alone
    return " and ".join(t.name for t in tables), together


def _differ(before: "pl.DataFrame", after: "pl.DataFrame", people: "pl.DataFrame | None") -> _Change | None:
    """The first entity whose value differs, or that has one in one result only; among `people` where they are given."""
    import polars as pl

    keys = [c for c in before.columns if c != _LABEL]
    if people is not None and set(keys) <= set(people.columns):
        before, after = (frame.join(people.select(keys), on=keys, how="semi") for frame in (before, after))
    both = before.join(after, on=keys, how="inner", suffix=" after", nulls_equal=True)
    a, b = pl.col(_LABEL), pl.col(f"{_LABEL} after")
    other = a.ne_missing(b)
    if both.schema[_LABEL].is_float() or both.schema[f"{_LABEL} after"].is_float():
        near = (a - b).abs() <= _NEAR * pl.max_horizontal(a.abs(), b.abs(), 1.0)
        other = other & ~near.fill_null(value=False)
    changed = both.filter(other).sort(keys)
    if len(changed):
        row = changed.row(0, named=True)
        return _Change(f"{_named(row, keys)} from {row[_LABEL]} to {row[f'{_LABEL} after']}", values=True)
    for one, two, said in ((before, after, "is gone"), (after, before, "appears")):
        only = one.join(two, on=keys, how="anti", nulls_equal=True).sort(keys)
        if len(only):
            return _Change(f"{_named(only.row(0, named=True), keys)} {said}", values=False)
    return None


def _named(row: dict[str, object], keys: list[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in keys)


def _mention(place: Place, table: str) -> int:
    """The line of the query that names the table."""
    word = re.compile(rf"\b{re.escape(table.split(' and ', 1)[0])}\b", re.IGNORECASE)
    return next((i for i, text in enumerate(place.sql.splitlines(), 1) if word.search(text.partition("--")[0])), 1)
