"""Write down what is in the database and what is wrong with it, before anything is fitted."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rdl.pipeline.step import Context, Outcome, Step
from rdl.timeline import format_time


def check_database(context: Context) -> Outcome:
    """Write `database.json`: rows by table, and everything that the checks found.

    Raises:
        TaskError: a task of the pipeline cannot be read.
    """
    source = context.source
    for name in context.pipeline.tasks:
        source.task(name)
    first, last = source.database.span
    database = source.database
    rows = sum(table.rows for table in database.schema.tables.values())
    counts = Counter(finding.check.value for finding in database.findings)
    facts = {
        "fingerprint": database.fingerprint,
        "first_event": format_time(first),
        "last_event": format_time(last),
        "rows": rows,
        "findings": dict(sorted(counts.items())),
    }
    tables = {name: {"rows": table.rows, "read": database.notes.get(name, "")} for name, table in database.schema.tables.items()}
    text = json.dumps({**facts, "tables": tables, "found": [asdict(f) for f in database.findings]}, indent=1)
    (context.aside / "database.json").write_text(text, encoding="utf-8")
    return Outcome(rows, facts)


def _place(context: Context) -> Path:
    return context.home / "checks" / context.key


STEP = Step("check", check_database, _place, needs=("demo",), per_task=False, dated=False, reads_tasks=True)
