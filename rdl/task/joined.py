"""Both queries of a task as one statement: what is said of those who are asked about, joined where the queries run.

The label query often speaks of everyone, at every cutoff. Joined, only the rows that are asked about leave the process in which the
queries run, and only they are looked up, handed over and sorted.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rdl.database import Database, load_sql, quote
from rdl.database.sandbox import Sandbox
from rdl.errors import SqlError, SqlLimitError, TaskError
from rdl.task.asking import Pairs, Query, check, given, resolve, same_entity
from rdl.task.seeds import Int
from rdl.task.task import Task


@dataclass(frozen=True)
class Joined:
    """The population, with what the label query says of it.

    Attributes:
        pairs: [n] those asked about, entities being -1 where a key names none.
        label: [n] the label column, in the order of `pairs`; null also where there is no label.
        labelled: [n] whether the label query has the pair.
        rows: how many rows the label query has in all; None where they were not counted.
    """

    pairs: Pairs
    label: pa.ChunkedArray
    labelled: NDArray[np.bool_]
    rows: int | None


def ask_joined(database: Database, sandbox: Sandbox, task: Task, cutoffs: Int, *, counted: bool) -> Joined | None:
    """Ask both queries at once.

    Args:
        database: whose rows are asked about.
        sandbox: where the queries run.
        task: one with a population query.
        cutoffs: microseconds UTC, each once.
        counted: whether to count what the label query says of others too, at the price of asking it twice.

    Returns:
        None where the two cannot be joined as they are, or where anything is wrong with either: asked one by one, each says what.

    Raises:
        TaskError: a query has wrong columns.
        SqlError: a query cannot be read.
        SqlLimitError: both together take more memory than there is.
    """
    assert task.population_sql is not None
    label = check(database, sandbox, task, task.label_sql, cutoffs, "label query", (task.label_column,))
    asked = check(database, sandbox, task, task.population_sql, cutoffs, "population query")
    if not (label.exact and label.timed and asked.exact and asked.timed):
        return None
    try:
        found = sandbox.select(_statement(database, task, label, asked), str(task.path), *given(database, task, cutoffs))
        pairs = resolve(database, task, found, found["_entity"].combine_chunks().to_numpy(), cutoffs, asked.where)
        labelled = found["_labelled"].combine_chunks().to_numpy(zero_copy_only=False)[pairs.order]
        target = found[task.label_column].take(pa.array(pairs.order))
        if labelled.all() and not counted:
            return Joined(pairs, target, labelled, None)
        rows = _count(database, sandbox, task, label, cutoffs)
        return None if rows is None else Joined(pairs, target, labelled, rows if counted else None)
    except SqlLimitError:  # each alone would most likely fail too: the caller asks about fewer cutoffs
        raise
    except (SqlError, TaskError):
        return None


def _statement(database: Database, task: Task, label: Query, asked: Query) -> str:
    return load_sql("task/labels.sql").format(
        label=label.sql,
        population=asked.sql,
        cutoff=quote(task.cutoff_column),
        target=quote(task.label_column),
        alike=" AND ".join(f"b.{quote(c)} = q.{quote(c)}" for c in task.entity_columns),
        table=quote(task.entity_table),
        same=same_entity(database, task),
    )


def _count(database: Database, sandbox: Sandbox, task: Task, label: Query, cutoffs: Int) -> int | None:
    """How many rows the label query has; None where some have cutoffs that were not asked for."""
    cutoff = quote(task.cutoff_column)
    counting = f"SELECT {cutoff} AS cutoff, count(*) AS rows FROM ({label.sql}\n) GROUP BY ALL"
    found = sandbox.select(counting, label.where, *given(database, task, cutoffs))
    moments = found["cutoff"]
    if moments.null_count or not np.isin(moments.cast(pa.int64()).to_numpy(), cutoffs).all():
        return None
    return int(pc.sum(found["rows"]).as_py() or 0)
