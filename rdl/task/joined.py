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
        rows: how many rows the label query has in all.
    """

    pairs: Pairs
    label: pa.ChunkedArray
    labelled: NDArray[np.bool_]
    rows: int


def ask_joined(database: Database, sandbox: Sandbox, task: Task, cutoffs: Int) -> Joined | None:
    """Ask both queries at once.

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
        return _read(database, task, found, cutoffs, asked.where)
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


def _read(database: Database, task: Task, found: pa.Table, cutoffs: Int, where: str) -> Joined | None:
    """The pairs and the count in a result; None where the label query has cutoffs that were not asked for.

    Raises:
        TaskError: the population has such cutoffs, or a pair stands in several rows.
    """
    counting = found["_rows"].is_valid()
    counts = found.filter(counting)
    moments = counts[task.cutoff_column]
    if moments.null_count or not np.isin(moments.cast(pa.int64()).to_numpy(), cutoffs).all():
        return None
    found = found.drop_columns("_rows").filter(pc.invert(counting))
    pairs = resolve(database, task, found, found["_entity"].combine_chunks().to_numpy(), cutoffs, where)
    order = pa.array(pairs.order)
    labelled = found["_labelled"].combine_chunks().to_numpy(zero_copy_only=False)[pairs.order]
    return Joined(pairs, found[task.label_column].take(order), labelled, int(pc.sum(counts["_rows"]).as_py() or 0))
