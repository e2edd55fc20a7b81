"""What changes when rows change that a query may not read: the queries run again without those rows, and with other values there.

Each query is asked at a few cutoffs, as it is and changed: rows at or after the horizon's end (no label may change), those at or
after the cutoff (no population may change), those before the cutoff (a label that changes reads history), and the values of tables
that have no time (nobody knows when they were written). Every cutoff has other values of its own.
"""

import re
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rdl.database import Database, Table
from rdl.database.sandbox import Sandbox
from rdl.errors import SqlError, TaskError
from rdl.task.cutoffs import mature_cutoffs
from rdl.task.lint.changed import POOL, Change, ChangedTables
from rdl.task.lint.differ import LABEL, Difference, culprit, difference
from rdl.task.lint.finding import Finding, Rule
from rdl.task.lint.place import Place
from rdl.task.lint.sample import Sample, draw_sample
from rdl.task.task import Kind, Task
from rdl.timeline import format_time

if TYPE_CHECKING:
    import polars as pl

_CUTOFFS = 3
_SECONDS = 120.0

Changes = Mapping[str, Change]


class _OutOfTimeError(Exception):
    """The run has taken as long as it may."""


def read_changed(database: Database, task: Task, places: tuple[Place, ...]) -> list[Finding]:
    """Everything that runs on changed rows show, at most one finding a rule and table.

    Nothing is run of a task without time, or whose labels are stored: there is nothing that its queries may not read.

    Raises:
        SqlError: a query fails.
    """
    if task.static or task.fixed:
        return []
    found: dict[tuple[str, str], Finding] = {}
    deadline, moments = time.monotonic() + _SECONDS, _cutoffs(database, task)
    named = {t.name: t for place in places for t in _named(database, place)}
    with database.engine() as engine, database.sandbox() as sandbox:
        changed = ChangedTables(database, engine, named.values())
        for i, cutoff in enumerate(moments):
            sample = draw_sample(engine, list(named.values()), task.entity_table, cutoff, cutoff + task.horizon)
            trial = _Trial(database, task, sandbox, changed, sample, cutoff, i, deadline)
            for finding in trial.findings({place.name: place for place in places}):
                found.setdefault((finding.rule.value, finding.table), finding)
            if trial.stopped:
                what = f"the run on changed data stopped after {_SECONDS:g} s, at cutoff {i + 1} of {len(moments)}"
                found["stopped", ""] = places[-1].finding(Rule.RUN_STOPPED, 1, what, "make the query cheaper")
                break
    return list(found.values())


def _cutoffs(database: Database, task: Task) -> list[int]:
    """Cutoffs whose labels are whole, with rows on either side: early, late and the last but a few."""
    try:
        known = mature_cutoffs(task, database.span[1] + 1, database.span)
    except TaskError:  # training says so itself
        return []
    return [int(known[round(share * (len(known) - 1))]) for share in np.linspace(0.5, 0.9, _CUTOFFS)]


def _named(database: Database, place: Place) -> list[Table]:
    """The tables that a query names, read as words so that none is missed."""
    words = {word.lower() for word in re.findall(r"\w+", place.sql)}
    return [t for t in database.schema.tables.values() if words >= {w.lower() for w in re.findall(r"\w+", t.name)}]


class _Trial:
    """The queries of a task at one cutoff, as they are and with rows changed."""

    def __init__(
        self,
        database: Database,
        task: Task,
        sandbox: Sandbox,
        changed: ChangedTables,
        sample: Sample,
        cutoff: int,
        seed: int,
        deadline: float,
    ) -> None:
        self.task, self.cutoff, self.stopped = task, cutoff, False
        self._database, self._sandbox, self._changed, self._sample = database, sandbox, changed, sample
        self._seed, self._deadline = seed, deadline

    def findings(self, places: dict[str, Place]) -> list[Finding]:
        """What the population and the label show, as far as time allows."""
        found: list[Finding] = []
        if self._sample.said:
            what = f"the tables are big, so the run on changed data looks at {self._sample.said}"
            found.append(places["label"].finding(Rule.RUN_SAMPLED, 1, what, "nothing"))
        try:
            people = None
            if "population" in places:
                people = self._ask(places["population"], {})
                found += self._population(places["population"], people)
                found += self._timeless(places["population"], people, None, Rule.POPULATION_NO_TIME)
            whole = self._ask(places["label"], {})
            found += self._ends(places["label"], whole, people)
            found += self._history(places["label"], whole, people)
            found += self._timeless(places["label"], whole, people, Rule.LABEL_NO_TIME)
        except _OutOfTimeError:
            self.stopped = True
        return found

    def _population(self, place: Place, people: "pl.DataFrame") -> list[Finding]:
        """Rows that nobody has seen at the cutoff decide nothing; if they seem to, the lag may be all there is to it."""
        timed = self._timed(place)
        cutoff = format_time(self.cutoff)
        for lagged, rule in ((False, Rule.POPULATION_CHANGES), (True, Rule.POPULATION_LAG)):
            if lagged and not any(t.lag for t in timed):
                continue
            kept = {t.name: f"_time - {0 if lagged else t.lag} < {self.cutoff}" for t in timed}
            for seed, how in ((None, "without the rows"), (self._seed, "with other values in the rows")):
                changes = {name: Change(condition, seed) for name, condition in kept.items()}
                found = culprit(timed, partial(self._compare, place, people, None, changes))
                if found is not None:
                    table, change = _said(found[0]), found[1]
                    late = "that have not arrived" if lagged else f"at or after {cutoff}"
                    what = f"the population at {cutoff} changes {how} of {table} {late}: {change.example}"
                    return [place.finding(rule, _mention(place, table), what, "read only rows with time + lag < cutoff", table)]
        return []

    def _ends(self, place: Place, whole: "pl.DataFrame", people: "pl.DataFrame | None") -> list[Finding]:
        """No label changes with the rows beyond the horizon's end."""
        end = self.cutoff + self.task.horizon + (1 if self.task.closed else 0)
        timed = self._timed(place)
        for seed, how in ((None, "without the rows"), (self._seed, "with other values in the rows")):
            changes = {t.name: Change(f"_time - {t.lag} < {end}", seed) for t in timed}
            found = culprit(timed, partial(self._compare, place, whole, people, changes))
            if found is None:
                continue
            table, change = _said(found[0]), found[1]
            rule = Rule.LABEL_CHANGES if change.values or people is not None else Rule.POPULATION_FROM_FUTURE
            subject = "labels" if rule is Rule.LABEL_CHANGES else "who is asked about"
            what = (
                f"{subject} at {format_time(self.cutoff)} change {how} of {table} after the horizon's end, "
                f"{format_time(self.cutoff + self.task.horizon)}: {change.example}"
            )
            return [place.finding(rule, _mention(place, table), what, "end every window at cutoff + $horizon", table)]
        return []

    def _history(self, place: Place, whole: "pl.DataFrame", people: "pl.DataFrame | None") -> list[Finding]:
        """Whether a label changes with the rows before the cutoff, which may be meant."""
        timed = [t for t in self._timed(place) if t.name != self.task.entity_table]
        for seed in (None, self._seed):
            changes = {t.name: Change(f"_time - {t.lag} >= {self.cutoff}", seed, later=False) for t in timed}
            found = culprit(timed, partial(self._compare, place, whole, people, changes, only_values=True))
            if found is not None:
                table, change = _said(found[0]), found[1]
                what = f"labels at {format_time(self.cutoff)} depend on rows of {table} before the cutoff: {change.example}"
                fix = "nothing, where a threshold or a comparison with the past is meant"
                return [place.finding(Rule.READS_HISTORY, _mention(place, table), what, fix, table)]
        return []

    def _timeless(self, place: Place, whole: "pl.DataFrame", people: "pl.DataFrame | None", rule: Rule) -> list[Finding]:
        """Whether a query depends on the values of a table without a time; its keys and references join, and are left alone."""
        hidden = set(self.task.hide)
        free = {t: frozenset(c.name for c in t.features if (t.name, c.name) not in hidden) for t in self._mentioned(place)}
        tables = [t for t, columns in free.items() if t.time is None and columns]
        changes = {t.name: Change("false", self._seed, columns=free[t]) for t in tables}
        found = culprit(tables, partial(self._compare, place, whole, people, changes))
        if found is None:
            return []
        table, change = found[0][0], found[1]
        column = next((c for c in sorted(free[table]) if self._column_decides(place, whole, people, table, c)), None)
        value = f"{table.name}.{column}" if column else f"values of {_said(found[0])}"
        subject = "the population" if rule is Rule.POPULATION_NO_TIME else "the label"
        what = (
            f"{subject} depends on {value}, and this table has no time: rdl cannot know when its values were written "
            f"(at {format_time(self.cutoff)}, with other values, {change.example})"
        )
        fix = "nothing, where they are never edited; else read a table that holds every change with its time"
        return [place.finding(rule, _mention(place, table.name), what, fix, table.name)]

    def _column_decides(
        self, place: Place, whole: "pl.DataFrame", people: "pl.DataFrame | None", table: Table, column: str
    ) -> bool:
        change = {table.name: Change("false", self._seed, columns=frozenset([column]))}
        return self._compare(place, whole, people, change, [table]) is not None

    def _compare(
        self,
        place: Place,
        whole: "pl.DataFrame",
        people: "pl.DataFrame | None",
        changes: Changes,
        tables: Sequence[Table],
        *,
        only_values: bool = False,
    ) -> Difference | None:
        """What differs where those of the changes are made that are of `tables`; None where the query fails on them."""
        try:
            after = self._ask(place, {t.name: changes[t.name] for t in tables})
        except SqlError:  # a query that the true rows pass may fail on other values: that says nothing of the true ones
            return None
        found = difference(whole, after, people)
        return None if found is not None and only_values and not found.values else found

    def _mentioned(self, place: Place) -> list[Table]:
        return _named(self._database, place)

    def _timed(self, place: Place) -> list[Table]:
        return [t for t in self._mentioned(place) if t.time is not None]

    def _ask(self, place: Place, changes: Changes) -> "pl.DataFrame":
        """The query's result at the cutoff, over changed tables."""
        import polars as pl

        if time.monotonic() > self._deadline:
            raise _OutOfTimeError
        table, column = self.task.grid
        given = {table: pa.table({column: pa.array([self.cutoff], pa.timestamp("us"))}), POOL: self._changed.given}
        params = {"horizon": timedelta(microseconds=self.task.horizon)}
        sql = self._changed.around(place.sql, changes, self._sample)
        frame = pl.from_arrow(self._sandbox.select(sql, f"{self.task.path}, {place.name} query", given, params))
        assert isinstance(frame, pl.DataFrame)
        label = self.task.label_column
        frame = frame.drop(self.task.cutoff_column, strict=False)
        if place.name != "label" or label not in frame.columns:
            return frame.unique().with_columns(pl.lit(value=True).alias(LABEL))
        frame = frame.rename({label: LABEL})
        if self.task.kind in (Kind.MULTILABEL, Kind.RECOMMENDATION):  # sets, in any order
            frame = frame.with_columns(pl.col(LABEL).list.unique().list.sort())
        return frame


def _said(tables: Sequence[Table]) -> str:
    return " and ".join(table.name for table in tables)


def _mention(place: Place, table: str) -> int:
    """The line of the query that names the table."""
    word = re.compile(rf"\b{re.escape(table.split(' and ', 1)[0])}\b", re.IGNORECASE)
    return next((i for i, text in enumerate(place.sql.splitlines(), 1) if word.search(text.partition("--")[0])), 1)
