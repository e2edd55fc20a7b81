"""The commands about tasks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdl.cli.chart import bar, wants_chart
from rdl.cli.lint import print_lint, say_broken
from rdl.cli.options import HomeDir, Json, ProjectDir, open_named
from rdl.cli.output import progress, say

if TYPE_CHECKING:
    from rdl.task import Task
    from rdl.task.profile import CutoffProfile, SplitProfile

_LINES = 24  # cutoffs shown of a split, at most


def tasks(
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
    lint: Annotated[bool, typer.Option("--lint", help="Say what is wrong with the queries: leaks, bounds, chance.")] = False,
) -> None:
    """Show the tasks: the labels of each split, their base rate and drift, what was left out, and what cannot be asked."""
    from rdl.task import Split
    from rdl.task.catalog import read_catalog
    from rdl.task.population import population_gap
    from rdl.task.profile import profile_splits
    from rdl.task.sample import OLDEST
    from rdl.timeline import format_duration

    with progress():
        database = open_named(project, home)
    if lint:
        print_lint(database, as_json)
        return
    with progress():
        catalog = read_catalog(database)
    for task in catalog.tasks.values():
        with progress():
            splits = profile_splits(database, task)
            gap = population_gap(database, task)
        facts = {
            "task": task.name,
            "kind": task.kind.value,
            "entity": task.entity_table,
            "horizon": format_duration(task.horizon),
            "spacing": task.spacing,
            "metric": task.metric,
            "oldest_weight": OLDEST,
            "splits": {split.value: profile.to_json() for split, profile in splits.items()},
            "population_gap": None if gap is None else gap.to_json(),
        }
        lines = [_head(task)]
        for split in Split:
            lines += _split_lines(split.value, splits[split], wants_chart())
        if gap is not None:
            lines.append(f"  warning: {gap.sentence()}")
        lines.append(f"  where training takes fewer labels, the oldest is drawn with weight {OLDEST:g}, the newest with 1")
        say(as_json, facts, lines)
    for name, error in catalog.broken.items():
        say_broken(name, error, as_json)


def _head(task: "Task") -> str:
    from rdl.timeline import format_duration

    ahead = f"{format_duration(task.horizon)} ahead, every {task.spacing}" if not task.listed and not task.calendar else (
        f"{format_duration(task.horizon)} ahead, at {task.spacing}"
    )  # fmt: skip
    return f"{task.name}: {task.kind.value} on {task.entity_table}, {ahead}, {task.metric}"


def _split_lines(name: str, profile: "SplitProfile", charted: bool) -> list[str]:
    if profile.refused is not None:
        return [f"  {name:<6} none: {profile.refused}"]
    mean = "" if profile.mean is None else f", mean {profile.mean:.4g}"
    lines = [f"  {name:<6}{profile.rows:>10,} labels at {len(profile.cutoffs)} cutoffs{mean}{_dropped(profile)}"]
    shown = profile.cutoffs[-_LINES:]
    if len(shown) < len(profile.cutoffs):
        lines.append(f"    … {len(profile.cutoffs) - len(shown)} earlier cutoffs: see --json")
    most = max((abs(c.mean) for c in profile.cutoffs if c.mean is not None), default=0.0)
    return lines + [_cutoff_line(c, most, charted) for c in shown]


def _cutoff_line(at: "CutoffProfile", most: float, charted: bool) -> str:
    if at.mean is None:
        return f"    {at.cutoff:<19}{0:>10} labels"
    chart = f" {bar(abs(at.mean) / most if most else 0.0)}" if charted else ""
    spread = "" if {at.low, at.high} <= {0.0, 1.0} else f"  tenth {at.low:.4g}, median {at.median:.4g}, ninth tenth {at.high:.4g}"
    drift = "" if at.drift is None else f"  drift {at.drift:.2f}"
    return f"    {at.cutoff:<19}{at.rows:>10,}  mean {at.mean:<9.4g}{chart}{drift}{spread}"


def _dropped(profile: "SplitProfile") -> str:
    report = profile.dropped
    if report is None:
        return ""
    counts = {
        "outside the population": report.outside_population,
        "null": report.null_label,
        "of unknown entities": report.unknown_entity,
        "asked about without a label": report.unlabelled,
    }
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"; left out: {said}" if said else ""
