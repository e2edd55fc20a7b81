"""The commands about tasks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdl.cli.chart import bar, wants_chart
from rdl.cli.lint import print_lint, say_broken
from rdl.cli.options import HomeDir, Json, ProjectDir, open_named
from rdl.cli.output import progress, say
from rdl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rdl.task import Split, Task
    from rdl.task.population import PopulationGap
    from rdl.task.profile import CutoffProfile, SplitProfile

_LINES = 24  # cutoffs shown of a split, at most
_CLASSES = 4  # classes shown of a cutoff, at most


def tasks(
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
    lint: Annotated[bool, typer.Option("--lint", help="Say what is wrong with the queries: leaks, bounds, chance.")] = False,
) -> None:
    """Show the tasks: the labels of each split, their base rate and drift, what was left out, and what cannot be asked."""
    from rdl.task.catalog import read_catalog
    from rdl.task.population import population_gap
    from rdl.task.profile import profile_splits

    with progress():
        database = open_named(project, home)
    if lint:
        print_lint(database, as_json)
        return
    with progress():
        catalog = read_catalog(database)
    broken = dict(catalog.broken)
    for task in catalog.tasks.values():
        try:
            with progress():
                splits, gap = profile_splits(database, task), population_gap(database, task)
        except DataError as error:  # a query that fails hides no other task
            broken[task.name] = error
            continue
        say(as_json, _facts(task, splits, gap), _lines(task, splits, gap))
    for name, why in broken.items():
        say_broken(name, why, as_json)
    if broken:
        raise typer.Exit(DataError.exit_code)


def _facts(task: "Task", splits: "Mapping[Split, SplitProfile]", gap: "PopulationGap | None") -> dict[str, Any]:
    from rdl.task.sample import OLDEST
    from rdl.timeline import format_duration

    return {
        "task": task.name,
        "kind": task.kind.value,
        "entity": task.entity_table,
        "horizon": format_duration(task.horizon),
        "spacing": task.spacing,
        "metric": task.metric,
        "autocomplete": task.autocomplete,
        "static": task.static,
        "target": task.target_table,
        "oldest_weight": OLDEST,
        "splits": {split.value: profile.to_json() for split, profile in splits.items()},
        "population_gap": None if gap is None else gap.to_json(),
    }


def _lines(task: "Task", splits: "Mapping[Split, SplitProfile]", gap: "PopulationGap | None") -> list[str]:
    from rdl.task.sample import OLDEST

    lines = [_head(task)]
    for split, profile in splits.items():
        lines += _split_lines(split.value, profile, wants_chart())
    if gap is not None:
        lines.append(f"  warning: {gap.sentence()}")
    return [*lines, f"  where training takes fewer labels, the oldest is drawn with weight {OLDEST:g}, the newest with 1"]


def _head(task: "Task") -> str:
    kind = f"autocomplete, {task.kind.value}" if task.autocomplete else task.kind.value
    ranked = f" of {task.top} {task.target_table}" if task.target_table else ""
    return f"{task.name}: {kind}{ranked} on {task.entity_table}, {_when(task)}, {task.metric}"


def _when(task: "Task") -> str:
    from rdl.timeline import format_duration

    if task.static:
        return task.spacing
    word = "at" if task.listed or task.calendar else "every"
    return f"{format_duration(task.horizon)} ahead, {word} {task.spacing}"


def _split_lines(name: str, profile: "SplitProfile", charted: bool) -> list[str]:
    if profile.refused is not None:
        return [f"  {name:<6} none: {profile.refused}"]
    said = [_mean(profile), *_shares(profile), *_distinct(profile)]
    facts = "".join(f", {part}" for part in said if part)
    lines = [f"  {name:<6}{profile.rows:>10,} labels at {len(profile.cutoffs)} cutoffs{facts}{_dropped(profile)}"]
    shown = profile.cutoffs[-_LINES:]
    if len(shown) < len(profile.cutoffs):
        lines.append(f"    … {len(profile.cutoffs) - len(shown)} earlier cutoffs: see --json")
    most = max((abs(_level(c)) for c in profile.cutoffs if c.rows), default=0.0)
    return lines + [_cutoff_line(c, most, charted) for c in shown]


def _cutoff_line(at: "CutoffProfile", most: float, charted: bool) -> str:
    if not at.rows:
        return f"    {at.cutoff:<19}{0:>10} labels"
    chart = bar(abs(_level(at)) / most if most else 0.0) if charted else ""
    spread = None
    if at.low is not None and not {at.low, at.high} <= {0.0, 1.0}:
        spread = f"tenth {at.low:.4g}, median {at.median:.4g}, ninth tenth {at.high:.4g}"
    drift = None if at.drift is None else f"drift {at.drift:.2f}"
    parts = [_mean(at, 9), chart, drift, *_shares(at), *_distinct(at), spread]
    return f"    {at.cutoff:<19}{at.rows:>10,}  " + "  ".join(part for part in parts if part)


def _level(at: "CutoffProfile") -> float:
    """What a bar shows: the mean, or the share of the task's most frequent class."""
    return at.mean if at.mean is not None else next(iter((at.shares or {}).values()), 0.0)


def _mean(found: "CutoffProfile | SplitProfile", width: int = 0) -> str:
    return "" if found.mean is None else f"mean {found.mean:<{width}.4g}"


def _shares(found: "CutoffProfile | SplitProfile") -> list[str]:
    """The shares of the most frequent classes."""
    shares = list((found.shares or {}).items())
    more = [f"{len(shares) - _CLASSES} more"] if len(shares) > _CLASSES else []
    return [", ".join([f"{name} {share:.0%}" for name, share in shares[:_CLASSES]] + more)]


def _distinct(found: "CutoffProfile | SplitProfile") -> list[str]:
    return [] if found.distinct is None else [f"{found.distinct:,} distinct"]


def _dropped(profile: "SplitProfile") -> str:
    report = profile.dropped
    if report is None:
        return ""
    counts = {
        "outside the population": report.outside_population,
        "null": report.null_label,
        "of unknown entities": report.unknown_entity,
        "asked about without a label": report.unlabelled,
        "empty lists": report.empty_list,
        "list elements that name nothing": report.unknown_target,
        "of unknown classes": profile.unknown_class,
    }
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"; left out: {said}" if said else ""
