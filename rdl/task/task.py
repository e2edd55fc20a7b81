"""What to predict: for which entity, over which window, judged by which metric."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rdl.task.lattice import Calendar, Lattice
from rdl.task.promises import LEVELS, bounded
from rdl.timeline import format_duration


class Kind(StrEnum):
    """The kind of question, which decides objectives, heads and metrics."""

    BINARY = "binary"
    REGRESSION = "regression"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    RECOMMENDATION = "recommendation"

    @property
    def classed(self) -> bool:
        """Whether the answer is among classes that the labels name: `Task.classes`."""
        return self in (Kind.MULTICLASS, Kind.MULTILABEL)


METRICS = {
    Kind.BINARY: ("roc_auc", "average_precision", "log_loss"),
    Kind.REGRESSION: ("mae", "rmse", "r2", "nmae"),
    Kind.MULTICLASS: ("accuracy", "macro_f1", "micro_f1", "log_loss"),
    Kind.MULTILABEL: ("average_precision", "roc_auc", "macro_f1", "micro_f1", "log_loss"),
    Kind.RECOMMENDATION: ("map", "ndcg", "recall", "precision", "mrr"),
}
"""What a task of each kind may be judged by; the first is the default."""

FAR = 2**62
"""Microseconds further than any cutoff lies from 1970."""

DEFAULT_METRIC = {kind: names[0] for kind, names in METRICS.items()}

Class = str | int
"""A class as the label query names it: text, or a whole number."""


@dataclass(frozen=True)
class Task:
    """One question, ready to be asked of the database at any cutoff.

    Attributes:
        entity_columns: the columns of the queries' results that hold the entity's key, in the key's order.
        horizon: microseconds that the label looks ahead.
        every: microseconds between cutoffs: at most, where they are calendar starts or listed.
        validate: first validation cutoff.
        test: first test cutoff.
        label_sql: SELECT of (cutoff, entity, label) over the grid of cutoffs.
        population_sql: SELECT of (cutoff, entity) that sees only what is visible at the cutoff, or None: the label query then
            decides by itself, with knowledge of the future, who is asked about.
        cutoff_column: the cutoff's name in the results.
        label_column: the label's name in the result.
        grid: table and column by which the queries read the cutoffs.
        closed: whether the label reads rows at `cutoff + horizon` itself, as RelBench's windows (c, c + h] do.
        evaluations: how many validation and test cutoffs there are at most.
        lag: microseconds by which the slowest of the tables that the label reads arrives after its event times.
        hide: (table, column) pairs that no feature, graph or encoder of this task may read; its queries may.
        path: the file, for messages.
        calendar: the calendar periods at whose starts cutoffs lie, in place of `every`.
        listed: the only cutoffs there are, ascending; empty where they follow `every` or the calendar.
        start: no cutoff of any split lies before it.
        stop: no cutoff of any split lies after it.
        classes: what a multiclass or multilabel label may be, the most frequent first; empty until `with_classes` has looked.
        target_table: the table whose rows a recommendation ranks.
        top: how many rows a recommendation ranks.
        autocomplete: whether the label is a hidden column of the entity's own row.
        stored: whether the labels are not asked but lie beside `path`, as RelBench stores them.
        fixed: whether there are labels at the `listed` cutoffs only: those of stored labels, or of the entities' own rows.
        static: whether there is no time to split by: one cutoff after all rows, `test`, and splits drawn at random.
        intervals: how often intervals, or sets of classes, hold the truth: one pair of columns a level.
        quantiles: of a regression, to predict besides.
        grades: how many grades probabilities are divided into, or the boundaries between them; 0 for none.
        least, most: what the label of a regression cannot be below and above, where that is known.
    """

    name: str
    kind: Kind
    entity_table: str
    entity_columns: tuple[str, ...]
    horizon: int
    every: int
    validate: int
    test: int
    metric: str
    label_sql: str
    population_sql: str | None
    path: Path
    cutoff_column: str = "cutoff"
    label_column: str = "label"
    grid: tuple[str, str] = ("cutoffs", "cutoff")
    closed: bool = False
    evaluations: int | None = None
    lag: int = 0
    hide: tuple[tuple[str, str], ...] = ()
    calendar: Calendar | None = None
    listed: tuple[int, ...] = ()
    start: int | None = None
    stop: int | None = None
    classes: tuple[Class, ...] = ()
    target_table: str | None = None
    top: int = 10
    autocomplete: bool = False
    stored: bool = False
    fixed: bool = False
    static: bool = False
    intervals: tuple[float, ...] = LEVELS
    quantiles: tuple[float, ...] = ()
    grades: int | tuple[float, ...] = 0
    least: float | None = None
    most: float | None = None

    def __post_init__(self) -> None:
        # a task that was stored as JSON comes back with plain text and lists
        object.__setattr__(self, "calendar", None if self.calendar is None else Calendar(self.calendar))
        for name in ("listed", "entity_columns", "classes", "intervals", "quantiles"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "grades", self.grades if isinstance(self.grades, int) else tuple(self.grades))

    def bounded(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The values, none beyond what the label can be."""
        return bounded(values, self.least, self.most)

    @property
    def lattice(self) -> Lattice:
        """Where cutoffs may lie."""
        return Lattice(self.every, self.calendar, self.listed)

    @property
    def earliest(self) -> int:
        """`start`, or a time before every cutoff."""
        return -FAR if self.start is None else self.start

    @property
    def latest(self) -> int:
        """`stop`, or a time after every cutoff."""
        return FAR if self.stop is None else self.stop

    @property
    def spacing(self) -> str:
        """The spacing of cutoffs, for a reader."""
        if self.static:
            return "no time: splits are random"
        if self.listed:
            return f"{len(self.listed)} listed cutoffs"
        return f"{self.calendar.value} starts" if self.calendar else format_duration(self.every)

    @property
    def window(self) -> int:
        """Microseconds by which the past is measured: the horizon, or `every` of labels that look at no time ahead."""
        return self.horizon or self.every

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one prediction: () for a number, (classes,) for probabilities, (top,) for a ranked list."""
        if self.kind is Kind.RECOMMENDATION:
            return (self.top,)
        return (len(self.classes),) if self.kind.classed else ()

    def last_read(self, cutoff: int) -> int:
        """When the last row that the label of `cutoff` reads has arrived; the label is usable where `last_read < as_of`."""
        return cutoff + self.horizon + self.lag - (0 if self.closed else 1)
