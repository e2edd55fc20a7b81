"""Ask for every label that is known at the run's as-of, before anything is fitted: a task that cannot be asked fails here."""

import json
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rdl.pipeline.step import Context, Outcome, Step
from rdl.task import entity_keys, labels_at, mature_cutoffs
from rdl.timeline import format_time


def labels(context: Context) -> Outcome:
    """Write `labels.json`, what was left out and why; and `labels.parquet`: key, cutoff, and the label where it is one number.

    Raises:
        TaskError: the task's queries are wrong, or too few cutoffs are known.
    """
    source = context.source
    task = source.task(context.unit.task)
    cutoffs = mature_cutoffs(task, source.fit_as_of, source.database.span)
    found, report = labels_at(source.database, task, cutoffs)
    keys = entity_keys(source.database, task, found.seeds.entity).rename_columns(list(task.entity_columns))
    table = keys.append_column("cutoff", pa.array(found.seeds.cutoff).cast(pa.timestamp("us")))
    if found.target.ndim == 1 and not task.kind.classed and found.lists is None:
        table = table.append_column("label", pa.array(found.target))
    pq.write_table(table, context.aside / "labels.parquet", compression="zstd")
    facts = {"cutoffs": len(cutoffs), "newest": format_time(int(cutoffs[-1])), **asdict(report)}
    (context.aside / "labels.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(len(found), facts)


def _place(context: Context) -> Path:
    return context.home / "labels" / context.unit.task / context.key


STEP = Step("labels", labels, _place, needs=("demo",), guards=("ingest", "check"))
