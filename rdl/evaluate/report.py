"""One offline HTML page a run: the verdict in words, regimes side by side, members, features in words, data, lineage.

It holds everything it shows: no script, no font and no picture comes from elsewhere.
"""

import math
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdl.database import Check, Database, Finding
from rdl.database.checks.finding import WORDS
from rdl.database.picture import draw
from rdl.evaluate.curve import reliability_figures
from rdl.evaluate.evaluation import BLEND, Evaluation
from rdl.evaluate.figure import metric_by_cutoff
from rdl.evaluate.words import about, calibrated, means, verdict
from rdl.features import FeaturePlan
from rdl.model.registry import member
from rdl.task import Task
from rdl.task.metrics import LARGER_IS_BETTER
from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.model import Model

SHOWN = 25
"""Features that are told."""


def write_report(
    path: Path,
    database: Database,
    task: Task,
    evaluations: Sequence[Evaluation],
    plan: FeaturePlan | None = None,
    *,
    model: "Model | None" = None,
    lineage: Mapping[str, str] | None = None,
) -> None:
    """Write the page, aside and then into place; it reads nothing from the network.

    Args:
        path: the HTML file.
        database: the rows, for what is wrong with them and how they hang together.
        task: the question.
        evaluations: backtests, one a regime; there may be none.
        plan: of the features, for their words; the model's by default.
        model: the run's, for its members.
        lineage: what it was made from, by name.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(loader=PackageLoader("rdl.evaluate"), autoescape=select_autoescape())
    environment.filters["figure"] = _figure
    html = environment.get_template("report.html").render(
        task=task,
        evaluations=evaluations,
        blend=BLEND,
        about=about(task),
        verdict=verdict(evaluations)
        or ["No backtest was run: rdl evaluate, or the pipeline's step evaluate, tells what it is worth."],
        means=means(task.kind),
        names=_names(evaluations),
        baselines=[name for name in _names(evaluations) if name != BLEND and member(name).baseline],
        called=evaluations[0].called(evaluations[0].metric) if evaluations else task.metric,
        larger=LARGER_IS_BETTER[task.metric],
        figures={e.regime.value: _figures(e) for e in evaluations},
        calibrated={e.regime.value: calibrated(e) for e in evaluations},
        features=_features(evaluations, plan or (model.plan if model else None), model),
        tables=_tables(database),
        findings=[_finding(f) for f in database.findings if f.check is not Check.UNREAD],
        picture=b64encode(draw(database.schema).encode()).decode(),
        lineage=[(name.removeprefix("rdl.").replace("_", " "), value) for name, value in (lineage or {}).items()],
        **(_members(model) if model else {}),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(html, encoding="utf-8")
    aside.replace(path)


def _names(evaluations: Sequence[Evaluation]) -> list[str]:
    return [*dict.fromkeys(name for e in evaluations for name in e.metrics if name != BLEND), BLEND]


def _figures(e: Evaluation) -> dict[str, str]:
    """Drawings of the blend over time: its metric, and the mean label beside the mean prediction."""
    cutoffs = [c.cutoff[:10] for c in e.by_cutoff]
    drawn = metric_by_cutoff(f"{e.called(e.metric)} by cutoff", cutoffs, {BLEND: [c.metric for c in e.by_cutoff]})
    lines = {"label": [c.target for c in e.by_cutoff], "prediction": [c.prediction for c in e.by_cutoff]}
    over = {"metric": drawn, "means": metric_by_cutoff("Mean label and mean prediction by cutoff", cutoffs, lines)}
    return {**over, "curves": "".join(f'<figure class="curve">{f}</figure>' for f in reliability_figures(e.reliability, e.kind))}


def _features(evaluations: Sequence[Evaluation], plan: FeaturePlan | None, model: "Model | None") -> list[tuple[str, float, str]]:
    """The most telling features, with their share and their words."""
    said = {f.name: f.provenance for f in plan.features} if plan else {}
    shares = model.importance() if model else evaluations[0].importance if evaluations else {}
    return [(name, share, said.get(name, "")) for name, share in list(shares.items())[:SHOWN]]


def _members(model: "Model") -> dict[str, Any]:
    """What the template `model.html` tells."""
    losses, chosen = model.choices.out_of_fold, model.choices.members
    rows = [
        {
            "name": name,
            "weight": model.weights.get(name, 0.0),
            "loss": losses.get(name, math.nan),
            "chosen": ", ".join(f"{k} {_short(v)}" for k, v in chosen.get(name, {}).items() if isinstance(v, int | float | str)),
        }
        for name in model.members
    ]
    blended = {"name": BLEND, "weight": sum(model.weights.values()), "loss": losses.get(BLEND, math.nan), "chosen": ""}
    return {"members": [*rows, blended], "model_rows": int(model.facts.get("rows", 0)), "fitted_as_of": format_time(model.as_of)}


def _short(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _finding(finding: Finding) -> dict[str, Any]:
    place = f"{finding.table}.{finding.column}" if finding.column else finding.table
    return {"place": place, "what": WORDS[finding.check], "count": finding.count, "done": finding.policy.value}


def _figure(value: float, digits: int = 4) -> str:
    """A number, or a dash where it is undefined."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


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
