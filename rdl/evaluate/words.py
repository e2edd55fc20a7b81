"""What a backtest says, in sentences; for every kind of question, and where a metric is undefined."""

import math
from collections.abc import Sequence

from rdl.evaluate.evaluation import Evaluation
from rdl.evaluate.regimes import Regime
from rdl.evaluate.reliability import ALL, LIKELIEST, Curve
from rdl.model.settings import GROUPS
from rdl.task import Kind, Task
from rdl.task.metrics import LARGER_IS_BETTER
from rdl.timeline import format_duration, format_time

BASELINE = "entity"
"""The member that knows the columns of the entity's own row alone."""

_MEANS = {
    Kind.BINARY: "label: the share of rows whose label is 1; prediction: the mean probability of it",
    Kind.REGRESSION: "label and prediction: mean values",
    Kind.MULTICLASS: "label: the share of rows of the first class below; prediction: the mean probability of it",
    Kind.MULTILABEL: "label: the share of rows that hold the first label below; prediction: the mean probability of it",
    Kind.RECOMMENDATION: "label: how many were right, on average; prediction: how many were recommended",
}


def means(kind: Kind) -> str:
    """What the columns `label` and `prediction` of the table by cutoff are."""
    return _MEANS[kind]


def about(task: Task) -> list[str]:
    """What is asked, when, and what is not to be seen."""
    metric = f"{task.metric}@{task.top}" if task.kind is Kind.RECOMMENDATION else task.metric
    judged = f"{task.kind.value} task on {task.entity_table}; judged by {metric}"
    if task.static:
        said = [f"{judged}.", "There is no time to split by: the split is random, and says nothing about how the answers age."]
    else:
        when = f"horizon {format_duration(task.horizon)}, a cutoff every {task.spacing}"
        split = f"validation from {format_time(task.validate)}, test from {format_time(task.test)}"
        said = [f"{judged}; {when}; {split}."]
    columns = [f"{table}.{column}" for table, column in task.hide]
    if task.autocomplete and columns:
        own = next((f"{table}.{column}" for table, column in task.hide if table == task.entity_table), columns[0])
        others = [name for name in columns if name != own]
        implied = f"; hidden with it, because they would tell: {', '.join(others)}" if others else ""
        said.append(f"The label is the column {own}, which no feature and no graph sees{implied}.")
    elif columns:
        said.append(f"Hidden from features and graphs: {', '.join(columns)}.")
    return said


def verdict(evaluations: Sequence[Evaluation]) -> list[str]:
    """What a reader should take away."""
    said = []
    for evaluation in evaluations:
        said += [
            _headline(evaluation),
            *_baseline(evaluation),
            *_kind(evaluation),
            *_networks(evaluation),
            *calibrated(evaluation)[:1],
        ]
    said += _decay(evaluations)
    gaps = [e.facts["population_gap"]["sentence"] for e in evaluations if "population_gap" in e.facts]
    return said + [f"Beware: {sentence}." for sentence in dict.fromkeys(gaps)]


def _headline(e: Evaluation) -> str:
    start, size = e.regime.value.capitalize(), f"{e.rows} rows at {e.cutoffs} cutoff{'s' if e.cutoffs != 1 else ''}"
    if math.isnan(e.headline):
        return f"{start}: {e.called(e.metric)} is undefined on {size}: the labels do not differ, or there is nothing to find."
    alone = e.metrics[e.best_member][e.metric]
    gain = e.headline - alone if LARGER_IS_BETTER[e.metric] else alone - e.headline
    if e.weights.get(e.best_member, 0.0) == 1.0:
        beside = f"the blend is {e.best_member} alone"
    else:
        beside = f"the blend {'beats' if gain > 0 else 'does not beat'} its best member ({e.best_member}, {alone:.4f})"
    return f"{start}: {e.called(e.metric)} {e.headline:.4f} on {size}; {beside}."


def _baseline(e: Evaluation) -> list[str]:
    """What the blend adds to the entity's own columns, which anybody would have tried."""
    alone = e.metrics.get(BASELINE, {}).get(e.metric, math.nan)
    gain = e.headline - alone if LARGER_IS_BETTER[e.metric] else alone - e.headline
    if math.isnan(gain) or set(e.metrics) == {BASELINE, "blend"}:
        return []
    if gain <= 0:
        return [f"The {BASELINE} columns alone reach {alone:.4f}: what happened to them adds nothing here."]
    return [f"The {BASELINE} columns alone reach {alone:.4f}; what happened to them adds {gain:.4f}."]


def calibrated(e: Evaluation) -> list[str]:
    """Whether probabilities mean what they say, in sentences: the answer's, or the likeliest class's, or all labels'."""
    curves = e.reliability.headline
    if not curves:
        return []
    now = curves[False]
    said = [f"{_off(now)}{_aslant(now)}."]
    if True in curves:
        before = curves[True]
        change = (
            f"{100 * before.error:.1f} to {100 * now.error:.1f} points, the Brier score from {before.brier:.4f} to {now.brier:.4f}"
        )
        said.append(f"Calibration, which was fitted before the test date, takes the error from {change}.")
    return [*said, f"The Brier score is {now.brier:.4f}."] if len(said) == 1 else said


def _off(curve: Curve) -> str:
    """How far probabilities are off, beside what chance would make of right ones."""
    of = {"": "Probabilities", LIKELIEST: "Probabilities of the likeliest class", ALL: "Probabilities of the labels"}[curve.of]
    chance = f"{100 * curve.chance:.1f} would be chance alone"
    verdict = f"no more than chance explains ({chance})" if curve.fair else chance
    return f"{of} are {100 * curve.error:.1f} points off on average (expected calibration error), {verdict}"


def _aslant(curve: Curve) -> str:
    """Whether probabilities that are off are so to one side."""
    if curve.fair or abs(curve.excess) < curve.error / 2:
        return ""
    return f"; they are too {'high' if curve.excess > 0 else 'low'}, by {100 * abs(curve.excess):.1f} points"


def _decay(evaluations: Sequence[Evaluation]) -> list[str]:
    """What the blend loses from one regime to the next staler one."""
    found = {e.regime: e for e in evaluations if not math.isnan(e.headline)}
    said = []
    for fresher, staler, without in (
        (Regime.ROLLING, Regime.FRESH, "not refitting the model as time goes on"),
        (Regime.FRESH, Regime.FROZEN, "letting the database stand still as well"),
    ):
        if fresher in found and staler in found:
            new, old = found[fresher].headline, found[staler].headline
            loss = new - old if LARGER_IS_BETTER[found[fresher].metric] else old - new
            amount = f"{'costs' if loss > 0 else 'gains'} {abs(loss):.4f}" if abs(loss) >= 5e-5 else "costs nothing"
            said.append(f"{without[0].upper()}{without[1:]} {amount}.")
    return said


def _kind(e: Evaluation) -> list[str]:
    """What the metric is to be held against."""
    rows, lists = e.detail.classes, e.detail.lists
    if lists is not None:
        held = f"{lists.truth:.1f} rows of {lists.table} were right on average, and none in {lists.empty:.0%} of the cases"
        return [f"{held}; {lists.recommended} different ones are recommended, {lists.right} different ones were right."]
    if not rows:
        return []
    often = max(rows, key=lambda row: row.labels)
    if e.kind == Kind.MULTICLASS:
        accuracy = e.metrics["blend"]["accuracy"]
        right = "" if math.isnan(accuracy) else f"; the blend is right in {accuracy:.1%}"
        return [f"To answer {often.name!r} always would be right in {often.labels:.1%}{right}."]
    return [f"The most frequent of {e.detail.number} labels, {often.name!r}, is held by {often.labels:.1%} of the rows."]


def _networks(e: Evaluation) -> list[str]:
    return [
        f"The graph network {name} carries {weight:.0%} of the blend: {'' if weight >= 0.1 else 'hardly '}worth it here."
        for name, weight in e.weights.items()
        if name in GROUPS["gnn"]
    ]
