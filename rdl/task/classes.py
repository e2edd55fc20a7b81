"""Which classes a task's labels name: those of the labels that were mature at a moment, the most frequent first.

A label names classes by text or by whole numbers. What is fitted knows them by their place, and a class that was not seen when the
classes were settled has the place -1: no probability is given to it, and no one is trained on it.
"""

import logging
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rdl.errors import TaskError
from rdl.task.seeds import Float
from rdl.task.task import Kind, Task

log = logging.getLogger(__name__)

MOST = 100
"""Classes at most; the rarer ones are counted as unknown."""

CHANNELS = 8
"""Classes whose past labels are told one by one, the most frequent ones."""


def settle_classes(task: Task, label: pa.ChunkedArray) -> Task:
    """The task with the classes that a column of labels names, the most frequent first, ties in their own order.

    Raises:
        TaskError: the labels name fewer than two classes.
    """
    named = _values(task, label.combine_chunks()) if task.kind is Kind.MULTICLASS else _values(task, flat_lists(task, label)[1])
    counts = named.drop_null().value_counts()
    counted = dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))
    ordered = sorted(counted, key=lambda c: (-counted[c], isinstance(c, str), c))
    if len(ordered) < (2 if task.kind is Kind.MULTICLASS else 1):
        found = f"only the class {ordered[0]!r}" if ordered else "no class"
        raise TaskError(f"the labels name {found}", where=f"{task.path}, label query", fix="check the label's column")
    if len(ordered) > MOST:
        rows = sum(counted[c] for c in ordered[MOST:])
        log.warning(
            "%s: %d classes; the %d rarest, of %d rows, count as unknown", task.name, len(ordered), len(ordered) - MOST, rows
        )
    return replace(task, classes=tuple(ordered[:MOST]))


def encode_classes(task: Task, label: pa.ChunkedArray) -> Float:
    """Targets of a column of labels: [n] places of classes, or [n, classes] of 0 and 1; NaN where the label is null.

    Raises:
        TaskError: the column does not hold text, whole numbers, or (multilabel) lists of them.
    """
    place = {value: i for i, value in enumerate(task.classes)}
    if task.kind is Kind.MULTICLASS:
        dictionary = _values(task, label.combine_chunks()).dictionary_encode()
        known = np.array([place.get(v, -1) for v in dictionary.dictionary.to_pylist()] + [np.nan])
        return np.asarray(known[dictionary.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)])
    lists, elements = flat_lists(task, label)
    flat = _values(task, elements).dictionary_encode()
    named = np.array([place.get(v, -1) for v in flat.dictionary.to_pylist()] + [-1], dtype=np.int64)
    places = named[flat.indices.fill_null(len(named) - 1).to_numpy(zero_copy_only=False)]
    parents = pc.list_parent_indices(lists).to_numpy()
    target = np.zeros((len(lists), len(task.classes)))
    target[parents[places >= 0], places[places >= 0]] = 1.0
    target[lists.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return target


def flat_lists(task: Task, label: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """A column of lists [n] as one array, and all its elements, one list behind the other.

    Raises:
        TaskError: the column does not hold lists.
    """
    lists = label.combine_chunks()
    kind = lists.type
    if pa.types.is_fixed_size_list(kind):
        lists = lists.cast(pa.list_(kind.value_type))
    elif not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise TaskError(
            f"the label {task.label_column!r} is {kind}, not a list",
            where=f"{task.path}, label query",
            fix="collect the labels: list(DISTINCT …), or kind = 'multiclass'",
        )
    return lists, pc.list_flatten(lists)


def channels(task: Task, target: Float) -> Float:
    """Past labels as numbers: [n] as they are, or [n, channels] of 0 and 1 for the most frequent classes."""
    if not task.kind.classed:
        return target
    width = min(len(task.classes), CHANNELS)
    if task.kind is Kind.MULTILABEL:
        return target[:, :width]
    return np.asarray(target[:, None] == np.arange(width), dtype=np.float64)


def label_channels(task: Task) -> int:
    """How many channels `channels` gives; 0 for a label that is one number."""
    return min(len(task.classes), CHANNELS) if task.kind.classed else 0


def known(task: Task, target: Float) -> NDArray[np.bool_]:
    """[n] whether the task knows each label's class."""
    return np.asarray(target >= 0) if task.kind is Kind.MULTICLASS else np.ones(len(target), dtype=np.bool_)


def _values(task: Task, array: pa.Array) -> pa.Array:
    """Classes as text or whole numbers: an ENUM's are text, a boolean's 0 and 1.

    Raises:
        TaskError: they are neither.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _values(task, array.cast(kind.value_type))
    if pa.types.is_boolean(kind):
        return array.cast(pa.int8())
    if pa.types.is_decimal(kind) and kind.scale == 0:  # what DuckDB makes of a HUGEINT
        return array.cast(pa.int64())
    if pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return array
    raise TaskError(
        f"the label {task.label_column!r} names classes by {kind}",
        where=f"{task.path}, label query",
        fix="cast the classes to text or to whole numbers",
    )
