"""Predictions in the form that RelBench scores: one a row of its test table, in that table's order, or the CSV of a submission."""

import logging
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rdl.errors import DataError, TaskError
from rdl.task.fixed import moments_of
from rdl.task.relbench.manifest import AUTOCOMPLETE, KINDS, TaskManifest
from rdl.task.relbench.trained import as_label
from rdl.timeline import DAY, SECOND

log = logging.getLogger(__name__)

_UNITS: tuple[tuple[int, Literal["D", "s", "ms", "us"]], ...] = ((DAY, "D"), (SECOND, "s"), (1_000, "ms"), (1, "us"))
NOBODY = -1  # fills ranked lists that are shorter than eval_k: never an entity


def relbench_predictions(predictions: pa.Table | Path, manifest: TaskManifest, table: pa.Table) -> NDArray[Any]:
    """What RelBench's `task.evaluate` takes.

    Args:
        predictions: the columns entity key, `cutoff`, `prediction` and, where there are classes, `probabilities`, as `rdl evaluate`
            and `rdl score` write them, or the file.
        manifest: the task.
        table: the label table that is predicted, usually the test split's.

    Returns:
        [n] probabilities or values, [n, classes] probabilities, or [n, eval_k] destinations (-1 where a list is shorter), in the
        order of `table`. Classes that are whole numbers stand at their own places, others in the order of their texts.

    Raises:
        TaskError: a row of `table` has no prediction, or two.
        DataError: the predictions lack a column.
    """
    given = _read(predictions) if isinstance(predictions, Path) else predictions
    entity, time = _key_columns(manifest, table)
    keys = [name for name in given.column_names if name not in {"cutoff", "prediction", "probabilities", "lower", "upper"}]
    own = entity if entity in keys else (keys[0] if len(keys) == 1 else None)
    answer = "probabilities" if KINDS[manifest.task_type].classed else "prediction"
    if own is None or not {"cutoff", answer} <= set(given.column_names):
        raise DataError(
            f"no predictions: the columns are {', '.join(given.column_names)}",
            where=str(predictions) if isinstance(predictions, Path) else manifest.name,
            fix=f"hand over {entity}, cutoff and {answer}, as rdl evaluate and rdl score write them",
        )
    late = 1 if manifest.kind == AUTOCOMPLETE else 0  # a row's own label belongs to the microsecond after its time
    order = _matched(_pairs(given, own, "cutoff", late), _pairs(table, entity, time), manifest)
    values = given[answer].combine_chunks().take(pa.array(order))
    if answer == "probabilities":
        return _by_class(values, table[str(manifest.target_col)], manifest)
    return _lists(values, manifest) if manifest.recommends else np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False))


def write_submission(path: Path, predictions: NDArray[Any], manifest: TaskManifest, table: pa.Table) -> None:
    """Write RelBench's prediction table: the keys of `table` and the predictions [n] or [n, eval_k], aside and then into place.

    Raises:
        TaskError: the task is one of classes, there is not one prediction a row, one is not finite, or a probability lies outside
            [0, 1].
    """
    _check(predictions, manifest, table)
    entity, time = _key_columns(manifest, table)
    if manifest.recommends:
        name = str(manifest.dst_entity_col)
        column = pa.array(["[" + ", ".join(str(int(d)) for d in row) + "]" for row in predictions], pa.string())
    else:
        name, column = str(manifest.target_col), pa.array(predictions, pa.float64())
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pcsv.write_csv(pa.table({entity: table[entity], time: _texts(table[time]), name: column}), aside)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def submission_name(dataset: str, task: str) -> str:
    """The file name by which RelBench knows whose predictions these are."""
    return f"{dataset}__{task}.csv"


def _key_columns(manifest: TaskManifest, table: pa.Table) -> tuple[str, str]:
    """The entity's and the time's column; an autocomplete's manifest may leave both to the entity table, as they stand first."""
    entity = manifest.src_entity_col if manifest.recommends else manifest.entity_col
    time = manifest.time_col or table.column_names[0]
    return entity or table.column_names[1], time


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"unreadable predictions: {error}", where=str(path), fix="name a file of rdl evaluate or score") from error


def _texts(times: pa.ChunkedArray) -> pa.Array:
    """Times as pandas writes a column of them, to the unit that the finest needs: RelBench compares the texts."""
    moments = times.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    unit = next(unit for size, unit in _UNITS if not (moments % size).any())
    texts = np.datetime_as_string(moments.astype("datetime64[us]"), unit=unit)
    return pa.array([text.replace("T", " ") for text in texts.tolist()], pa.string())


def _pairs(table: pa.Table, entity: str, time: str, late: int = 0) -> list[tuple[Any, int]]:
    moments = moments_of(table, time) - late
    return list(zip(table[entity].to_pylist(), moments.tolist(), strict=True))


def _by_class(values: pa.StructArray, target: pa.ChunkedArray, manifest: TaskManifest) -> NDArray[np.float64]:
    """[n, classes] probabilities in RelBench's order of classes; a class that was never learned has none."""
    names = [values.type.field(i).name for i in range(values.type.num_fields)]
    found = {name: column.to_numpy(zero_copy_only=False) for name, column in zip(names, values.flatten(), strict=True)}
    if pa.types.is_list(target.type):
        known = {str(i) for i in range(max((len(row) for row in target.to_pylist() if row), default=0))}
    else:
        known = {str(c) for c in pc.unique(as_label(manifest, target).drop_null()).to_pylist()}
    classes = known | set(names)
    whole = all(name.isdecimal() for name in classes)
    ordered = [str(i) for i in range(max(map(int, classes)) + 1)] if whole else sorted(classes)
    return np.stack([found.get(name, np.zeros(len(values))) for name in ordered], axis=1)


def _matched(given: list[tuple[Any, int]], wanted: list[tuple[Any, int]], manifest: TaskManifest) -> list[int]:
    """The place in `given` of every pair that is wanted."""
    places = {pair: i for i, pair in enumerate(given)}
    if len(places) < len(given):
        raise TaskError(f"{len(given) - len(places)} predictions are there twice", where=manifest.name, fix="predict each row once")
    missing = sum(pair not in places for pair in wanted)
    if missing:
        raise TaskError(
            f"{missing} of {len(wanted)} rows of the label table have no prediction",
            where=str(manifest.path),
            fix="predict the whole split: rdl evaluate",
        )
    if len(given) > len(wanted):
        log.info("relbench: %d predictions are of no row of the label table", len(given) - len(wanted))
    return [places[pair] for pair in wanted]


def _lists(values: pa.Array, manifest: TaskManifest) -> NDArray[np.int64]:
    width = manifest.eval_k or 0
    found = np.full((len(values), width), NOBODY, dtype=np.int64)
    for i, ranked in enumerate(values.to_pylist()):
        best = (ranked or [])[:width]
        found[i, : len(best)] = best
    return found


def _check(predictions: NDArray[Any], manifest: TaskManifest, table: pa.Table) -> None:
    if KINDS[manifest.task_type].classed:
        raise TaskError(
            f"RelBench takes no submission of a {manifest.task_type}",
            where=str(manifest.path),
            fix="score it with task.evaluate(relbench_predictions(…), metrics=[…])",
        )
    expected = (table.num_rows, manifest.eval_k) if manifest.recommends else (table.num_rows,)
    if predictions.shape != expected:
        raise TaskError(f"expected predictions {expected}, got {predictions.shape}", where=manifest.name, fix="one a row")
    if not np.isfinite(predictions).all():
        raise TaskError("a prediction is not finite", where=manifest.name, fix="predict a number for every row")
    probability = manifest.task_type == "binary_classification"
    if probability and len(predictions) and (predictions.min() < 0 or predictions.max() > 1):
        raise TaskError("a probability lies outside 0 to 1", where=manifest.name, fix="hand over probabilities")
