"""Compare tonight's scores with those before, and earlier scores with what became of their entities.

Of the nights before, the latest is compared with; and of those whose labels are known by now, the figure is told that they reached.
Nothing is decided here: what moves too far is a warning in the log and in the file.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from rdl.pipeline.step import Context, Outcome, Settings, Step, Unit
from rdl.task import Kind, Labels, Task, find_entities, labels_at
from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.pipeline.file import Pipeline
    from rdl.pipeline.source import Source

log = logging.getLogger(__name__)

FILE = "scores.parquet"
_BINS = 10


class MonitorSection(Settings):
    """`[monitor]`: how far scores may shift (population stability index), and how many nights are looked back on."""

    shift: float = Field(default=0.2, gt=0)
    nights: int = Field(default=12, ge=1)


def monitor(context: Context) -> Outcome:
    """Write `monitor.json`: the shift against the night before, who came and went, and the figures of earlier nights."""
    source, wanted = context.source, context.section(MonitorSection, "monitor")
    task = source.task(context.unit.task)
    (scored,) = context.before("score")
    now = pq.read_table(scored.outputs[0], partitioning=None)
    nights = _nights(context.pipeline, context.unit, source)[-wanted.nights :]
    facts: dict[str, Any] = {"rows": now.num_rows, "version": scored.facts.get("version", "")}
    if nights:
        facts["before"] = _compared(task, now, pq.read_table(nights[-1], partitioning=None), nights[-1])
    facts["reached"] = [found for path in nights for found in _reached(source, task, path)]
    shift = facts.get("before", {}).get("shift")
    facts["warnings"] = [f"scores shifted by {shift:.2f}; {wanted.shift} is usual"] if (shift or 0.0) > wanted.shift else []
    for warning in facts["warnings"]:
        log.warning("monitor: %s: %s", task.name, warning)
    (context.aside / "monitor.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(now.num_rows, facts)


def shift_of(before: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """The population stability index of two samples [n], [m]: bins of equal shares of the first, and one on either side of it."""
    edges = np.quantile(before, np.linspace(0, 1, _BINS + 1))
    edges = np.unique([*edges[:-1], np.nextafter(edges[-1], np.inf)])
    shares = [np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1) / len(x) for x in (before, now)]
    p, q = (np.maximum(share, 1e-4) for share in shares)
    return float(((q - p) * np.log(q / p)).sum())


def _compared(task: Task, now: pa.Table, then: pa.Table, path: Path) -> dict[str, Any]:
    """What changed since the night before."""
    keys = list(task.entity_columns)
    both = now.select(keys).join(then.select(keys), keys, join_type="inner").num_rows
    facts: dict[str, Any] = {"as_of": path.parent.name.partition("=")[2], "rows": then.num_rows}
    facts |= {"came": now.num_rows - both, "went": then.num_rows - both}
    if task.kind in {Kind.BINARY, Kind.REGRESSION}:
        a, b = (table["prediction"].to_numpy() for table in (then, now))
        facts |= {"mean": float(b.mean()), "mean_before": float(a.mean()), "shift": shift_of(a, b)}
    return facts


def _reached(source: "Source", task: Task, path: Path) -> Iterator[dict[str, Any]]:
    """The figures that the scores of one night reached, once what became of all of them is known."""
    from rdl.evaluate import score

    table = pq.read_table(path, partitioning=None)
    cutoff = int(table["cutoff"][0].cast(pa.timestamp("us")).cast(pa.int64()).as_py())
    if task.kind not in {Kind.BINARY, Kind.REGRESSION} or task.static or task.last_read(cutoff) >= source.fit_as_of:
        return
    labels, _ = labels_at(source.database, task, np.array([cutoff], dtype=np.int64))
    entity = find_entities(source.database, task, table.select(list(task.entity_columns)))
    place = {int(row): i for i, row in enumerate(entity)}
    kept = np.array([int(row) in place for row in labels.seeds.entity], dtype=np.bool_)
    judged: Labels = labels[kept]
    if not len(judged):
        return
    prediction = table["prediction"].to_numpy()[[place[int(row)] for row in judged.seeds.entity]]
    figures = score(task.kind, judged, prediction, float(np.std(judged.target)) or 1.0)
    told = {name: value for name, value in figures.items() if value == value}  # noqa: PLR0124 (NaN)
    yield {"as_of": format_time(cutoff), "rows": len(judged), "version": _version(path), **told}


def _version(path: Path) -> str:
    return (pq.read_schema(path).metadata or {}).get(b"rdl.model_version", b"").decode()


def _nights(pipeline: "Pipeline", unit: Unit, source: "Source") -> list[Path]:
    """The scores of earlier nights, the oldest first."""
    tonight = f"as_of={format_time(source.as_of).replace(':', '-')}"
    found = (pipeline.home / "scores" / unit.task).glob(f"as_of=*/{FILE}")
    return sorted(path for path in found if path.parent.name < tonight)


def _inputs(pipeline: "Pipeline", unit: Unit, source: "Source") -> Mapping[str, Any]:
    return {path.parent.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in _nights(pipeline, unit, source)}


def _place(context: Context) -> Path:
    return context.home / "monitoring" / context.unit.task / context.partition


STEP = Step("monitor", monitor, _place, requires=("score",), sections={"monitor": MonitorSection}, inputs=_inputs)
