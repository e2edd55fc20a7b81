"""What the encoder must know of the data: fitted on rows that the training seeds may see, and on nothing later.

Numeric columns are described by mean, standard deviation and quantiles of the rows visible at the latest training `as_of`
(a table's rows ascend in time, so those are a prefix). Ages, of rows and of timestamp columns, depend on the cutoff: they are
described by a sample of the training batches themselves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.graph import GraphStore
from rdl.graph.tables import TOKENS
from rdl.timeline import DAY, NEVER, visible

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

KNOTS = 9
"""Quantiles of a column or an age: the corners of its piecewise-linear encoding."""

MOST_ROWS = 200_000
"""Rows read per table; of a larger one, as many at even distances."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TableStatistics:
    """One table's columns, as the encoder standardises them.

    Attributes:
        numeric: float32[k, 2] mean and standard deviation.
        knots: float32[k, KNOTS] ascending quantiles of the standardised values.
        moment: float32[m, 2] mean and standard deviation of log1p(days) between cutoff and timestamp columns.
        age: float32[KNOTS] ascending quantiles of log1p(days) between cutoff and row; empty for static tables.
        tokens: how many categorical values and words a row has.
        texts: how many texts it has, of the graph's TOKENS words each.
        vector: float32[d, 2] mean and standard deviation of every number of the given embeddings.
    """

    numeric: Floats
    knots: Floats
    moment: Floats
    age: Floats
    tokens: int
    vector: Floats = field(default_factory=lambda: np.empty((0, 2), np.float32))
    texts: int = 0

    @property
    def categories(self) -> int:
        """How many categorical columns there are."""
        return self.tokens - self.texts * TOKENS

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; float32 survives the round trip exactly."""
        arrays = {name: getattr(self, name).tolist() for name in ("numeric", "knots", "moment", "age", "vector")}
        return {**arrays, "tokens": self.tokens, "texts": self.texts}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "TableStatistics":
        """Statistics from `to_json`."""
        shapes = {"numeric": (-1, 2), "knots": (-1, KNOTS), "moment": (-1, 2), "age": (-1,), "vector": (-1, 2)}
        given = {"vector": [], "texts": 0, **values}
        arrays = {name: np.asarray(given[name], np.float32).reshape(shape) for name, shape in shapes.items()}
        return TableStatistics(**arrays, tokens=int(values["tokens"]), texts=int(given["texts"]))


Statistics = Mapping[str, TableStatistics]


def fit_statistics(store: GraphStore, entity_table: str, as_of: int, batches: "Iterable[HeteroData]") -> dict[str, TableStatistics]:
    """Statistics of every table: columns from the rows visible at `as_of`, ages from sampled training batches."""
    ages: dict[str, list[NDArray[Any]]] = {name: [] for name in store.tables}
    moments: dict[str, list[NDArray[Any]]] = {name: [] for name in store.tables}
    for batch in batches:
        cutoff = batch[entity_table].cutoff.numpy()
        for name in store.tables:
            nodes = batch[name]
            ages[name].append(nodes.age.numpy()[nodes.age_known.numpy()])
            moments[name].append(timestamp_days(nodes.x_ts.numpy(), cutoff[nodes.batch.numpy()]))
    return {name: _table(store, name, as_of, ages[name], moments[name]) for name in store.tables}


def timestamp_days(timestamps: NDArray[np.int64], cutoff: NDArray[np.int64]) -> NDArray[np.float64]:
    """Days [n, m] from timestamp columns [n, m] to the cutoffs [n]; NaN where null."""
    days = (cutoff[:, None].astype(np.float64) - timestamps.astype(np.float64)) / DAY
    return np.where(timestamps == NEVER, np.nan, days)


def _table(store: GraphStore, name: str, as_of: int, ages: list[NDArray[Any]], moments: list[NDArray[Any]]) -> TableStatistics:
    table = store.tables[name]
    rows = int(np.searchsorted(-visible(table.time, as_of).astype(np.int8), 0))
    pick = np.linspace(0, rows - 1, min(rows, MOST_ROWS)).astype(np.int64) if rows else np.empty(0, np.int64)
    values = table.numeric[pick].astype(np.float64)
    numeric = np.array([_mean_and_std(column) for column in values.T], np.float32).reshape(-1, 2)
    knots = [_quantiles((c - m) / s) for c, (m, s) in zip(values.T, numeric, strict=True)]
    days = np.concatenate(moments) if moments else np.empty((0, table.timestamp.shape[1]))
    known = np.concatenate(ages) if ages else np.empty(0)
    return TableStatistics(
        numeric=numeric,
        knots=np.array(knots, np.float32).reshape(-1, KNOTS),
        moment=np.array([_mean_and_std(signed_log(c)) for c in days.T], np.float32).reshape(-1, 2),
        age=_quantiles(signed_log(known.astype(np.float64))) if len(known) else np.empty(0, np.float32),
        tokens=table.category.shape[1] + int(np.prod(table.text.shape[1:])),
        texts=table.text.shape[1],
        vector=np.array([_mean_and_std(column) for column in table.vector[pick].T], np.float32).reshape(-1, 2),
    )


def signed_log(days: NDArray[np.float64]) -> NDArray[np.float64]:
    """sign(x) log1p(|x|)."""
    return np.sign(days) * np.log1p(np.abs(days))


def _mean_and_std(column: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation of the finite values between the 0.1 % and 99.9 % quantiles; (0, 1) where there are none."""
    finite = column[np.isfinite(column)]
    if not len(finite):
        return 0.0, 1.0
    clipped = np.clip(finite, *np.quantile(finite, [0.001, 0.999]))
    spread = float(clipped.std())
    return float(clipped.mean()), spread if spread > 1e-9 * max(1.0, float(np.abs(clipped).max())) else 1.0


def _quantiles(values: NDArray[np.float64]) -> Floats:
    """KNOTS strictly ascending quantiles of the finite values."""
    finite = values[np.isfinite(values)]
    found = np.quantile(finite, np.linspace(0.0, 1.0, KNOTS)) if len(finite) else np.linspace(-1.0, 1.0, KNOTS)
    spread = max(float(found[-1] - found[0]), 1e-3)
    return (np.maximum.accumulate(found) + np.linspace(0, 1e-3 * spread, KNOTS)).astype(np.float32)
