"""The commands about tasks."""

from pathlib import Path

from rdl.cli.options import HomeDir, Json, ProjectDir, open_named
from rdl.cli.output import progress, say


def tasks(project: ProjectDir = Path(), home: HomeDir = None, as_json: Json = False) -> None:
    """List the tasks with the labels of each split."""
    from rdl.task import Split, list_tasks, split_labels
    from rdl.timeline import format_duration

    with progress():
        database = open_named(project, home)
        found = list_tasks(database)
    for task in found.values():
        splits = {split.value: split_labels(database, task, split) for split in Split}
        facts = {name: {"rows": len(labels), "mean": float(labels.target.mean())} for name, labels in splits.items()}
        head = f"{task.name}: {task.kind.value} on {task.entity_table}, {format_duration(task.horizon)} ahead, {task.metric}"
        lines = [f"  {name:<6}{f['rows']:>10,} labels, mean {f['mean']:.4g}" for name, f in facts.items()]
        say(as_json, {"task": task.name, "kind": task.kind.value, "splits": facts}, [head, *lines])
