"""Write down what is in the database and what is wrong with it, before anything is fitted."""

import json
from dataclasses import asdict
from pathlib import Path

from rdl.pipeline.step import Context, Outcome, Step
from rdl.timeline import format_time


def check_database(context: Context) -> Outcome:
    """Write `database.json`: rows, null times, dangling references and unread columns by table.

    Raises:
        TaskError: a task of the pipeline cannot be read.
    """
    source = context.source
    for name in context.pipeline.tasks:
        source.task(name)
    first, last = source.database.span
    report = {name: asdict(table) for name, table in sorted(source.database.report.items())}
    rows = sum(table.rows for table in source.database.report.values())
    facts = {
        "fingerprint": source.database.fingerprint,
        "first_event": format_time(first),
        "last_event": format_time(last),
        "rows": rows,
        "null_times": sum(table.null_times for table in source.database.report.values()),
        "dangling": sum(sum(table.dangling.values()) for table in source.database.report.values()),
    }
    text = json.dumps({**facts, "tables": report}, indent=1)
    (context.aside / "database.json").write_text(text, encoding="utf-8")
    return Outcome(rows, facts)


def _place(context: Context) -> Path:
    return context.home / "checks" / context.key


STEP = Step("check", check_database, _place, needs=("demo",), per_task=False, dated=False)
