"""One offline HTML page: the verdict in words, members side by side in each regime, the blend over time, features, dirt."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdl.database import Check, Database
from rdl.evaluate.evaluation import BLEND, Evaluation
from rdl.evaluate.words import about, means, verdict
from rdl.features import FeaturePlan
from rdl.task import Task

WIDTH, HEIGHT, PAD = 720, 160, 28


@dataclass(frozen=True)
class Line:
    """A drawn series: the SVG polyline's points, and its end values as text."""

    points: str
    low: str
    high: str
    first: str
    last: str


def write_report(
    path: Path, database: Database, task: Task, evaluations: Sequence[Evaluation], plan: FeaturePlan | None = None
) -> None:
    """Write the page, aside and then into place; it reads nothing from the network."""
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(loader=PackageLoader("rdl.evaluate"), autoescape=select_autoescape())
    environment.filters["figure"] = _figure
    template = environment.get_template("report.html")
    said = {f.name: f.provenance for f in plan.features} if plan else {}
    html = template.render(
        task=task,
        evaluations=evaluations,
        blend=BLEND,
        about=about(task),
        verdict=verdict(evaluations),
        means=means(task.kind),
        names=_names(evaluations),
        drawn=_drawn(evaluations),
        features=[(name, share, said.get(name, "")) for name, share in list(evaluations[0].importance.items())[:25]]
        if evaluations
        else [],
        tables=_tables(database),
        width=WIDTH,
        height=HEIGHT,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(html, encoding="utf-8")
    aside.replace(path)


def _names(evaluations: Sequence[Evaluation]) -> list[str]:
    return [*dict.fromkeys(name for e in evaluations for name in e.metrics if name != BLEND), BLEND]


def _drawn(evaluations: Sequence[Evaluation]) -> Mapping[str, Line]:
    return {e.regime.value: _line([c.metric for c in e.by_cutoff], [c.cutoff for c in e.by_cutoff]) for e in evaluations}


def _figure(value: float, digits: int = 4) -> str:
    """A number, or a dash where it is undefined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _line(values: Sequence[float], labels: Sequence[str]) -> Line:
    """A polyline over the finite values, evenly spaced."""
    finite = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    step = (WIDTH - 2 * PAD) / max(len(values) - 1, 1)
    points = " ".join(
        f"{PAD + i * step:.1f},{HEIGHT - PAD - (v - low) / span * (HEIGHT - 2 * PAD):.1f}"
        for i, v in enumerate(values)
        if math.isfinite(v)
    )
    first, last = (labels[0], labels[-1]) if labels else ("", "")
    return Line(points, f"{low:.3f}", f"{high:.3f}", first, last)


def _tables(database: Database) -> list[dict[str, Any]]:
    counts = Counter[tuple[str, Check]]()
    for finding in database.findings:
        counts[finding.table, finding.check] += finding.count
    return [
        {
            "name": name,
            "rows": table.rows,
            "null_times": counts[name, Check.NULL_TIME],
            "dangling": counts[name, Check.DANGLING],
            "unread": ", ".join(f.column for f in database.findings if (f.table, f.check) == (name, Check.UNREAD)),
        }
        for name, table in sorted(database.schema.tables.items())
    ]
