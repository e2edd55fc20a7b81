"""What many predictions come to, in a few numbers: chunks are summarised one by one and added up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rdl.task import Kind
from rdl.task.answers import PREDICTION
from rdl.task.task import Class

SHOWN = 5
"""Classes that are told by name, the most frequent ones."""

_MEASURED = {
    Kind.BINARY: "probability",
    Kind.REGRESSION: "value",
    Kind.MULTILABEL: "labels a row",
    Kind.RECOMMENDATION: "length of a list",
}


@dataclass(frozen=True)
class Summary:
    """Predictions of n rows, summed up; summaries of parts add up to that of the whole.

    Attributes:
        kind: what was predicted.
        rows: n.
        total: of what is measured: the probability or value, how many labels are likely, how long the list is; 0 for multiclass.
        low: the smallest measured.
        high: the largest.
        counts: of rows by class that was predicted; empty where there are no classes.
    """

    kind: Kind
    rows: int
    total: float
    low: float
    high: float
    counts: Mapping[Class, int] = field(default_factory=dict)

    @staticmethod
    def of(kind: Kind, answer: Mapping[str, pa.Array]) -> "Summary":
        """The summary of n > 0 rows of an answer's columns; see `answer_columns`."""
        column = answer[PREDICTION]
        if kind is Kind.MULTICLASS:
            return Summary(kind, len(column), 0.0, 0.0, 0.0, _counts(column))
        lists = pa.types.is_list(column.type)
        measured = (pc.list_value_length(column) if lists else column).to_numpy(zero_copy_only=False).astype(np.float64)
        counts = _counts(column.flatten()) if kind is Kind.MULTILABEL else {}
        return Summary(kind, len(column), float(measured.sum()), float(measured.min()), float(measured.max()), counts)

    def __add__(self, other: "Summary") -> "Summary":
        """The summary of both."""
        assert self.kind is other.kind
        counts = Counter(self.counts) + Counter(other.counts)
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Summary(self.kind, self.rows + other.rows, self.total + other.total, low, high, counts)

    @property
    def mean(self) -> float:
        """Of what is measured."""
        return self.total / self.rows

    @property
    def frequent(self) -> dict[Class, int]:
        """The counts of the most frequent classes, largest first."""
        ordered = sorted(self.counts, key=lambda name: (-self.counts[name], str(name)))
        return {name: self.counts[name] for name in ordered[:SHOWN]}

    def sentences(self) -> tuple[str, ...]:
        """For a reader."""
        said = []
        if self.kind in _MEASURED:
            said.append(f"{_MEASURED[self.kind]}: mean {self.mean:.4g}, {self.low:.4g} to {self.high:.4g}")
        if self.counts:
            shares = ", ".join(f"{name} {count / self.rows:.1%}" for name, count in self.frequent.items())
            more = len(self.counts) - len(self.frequent)
            said.append(f"predicted: {shares}{f' and {more} more classes' if more > 0 else ''}")
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """Plain data: mean, low and high where something is measured, counts where there are classes."""
        measured = {"mean": self.mean, "low": self.low, "high": self.high} if self.kind in _MEASURED else {}
        counts = {str(name): count for name, count in self.frequent.items()}
        return {**measured, **({"counts": counts} if self.kind.classed else {})}


def _counts(values: pa.Array) -> dict[Class, int]:
    found = values.value_counts()
    return dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))
