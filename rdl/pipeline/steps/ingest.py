"""Read the source's rows, and write down what was read: the first thing that a night can fail at, by itself in the ledger.

Every step reads the rows where nobody has; with this one, the time and the cost of it stand in a line of their own.
"""

import json
from pathlib import Path

from rdl.pipeline.step import Context, Outcome, Step
from rdl.timeline import format_time


def ingest(context: Context) -> Outcome:
    """Write `ingested.json`: rows by table, how each was read, and the snapshot's fingerprint."""
    database = context.source.database
    first, last = database.span
    facts = {"fingerprint": database.fingerprint, "first_event": format_time(first), "last_event": format_time(last)}
    tables = {name: {"rows": table.rows, "read": database.notes.get(name, "")} for name, table in database.schema.tables.items()}
    (context.aside / "ingested.json").write_text(json.dumps({**facts, "tables": tables}, indent=1), encoding="utf-8")
    return Outcome(sum(table.rows for table in database.schema.tables.values()), facts)


def _place(context: Context) -> Path:
    return context.home / "ingested" / context.key


STEP = Step("ingest", ingest, _place, needs=("demo",), per_task=False, dated=False)
