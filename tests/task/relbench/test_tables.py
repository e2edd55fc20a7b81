"""Label tables of every kind, row for row those of RelBench's own loader."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.errors import SqlError, TaskError
from rdl.task import Kind, Split, find_task, list_tasks
from rdl.task.catalog import read_catalog
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.manifest import read_manifest
from rdl.task.relbench.tables import label_table
from rdl.task.relbench.trained import manifest_task
from rdl.timeline import DAY
from tests.projects import opened

relbench = pytest.importorskip("relbench")

from tests.task.relbench.every_kind import tasks, write_folder  # noqa: E402 - it is written by relbench

NAMES = [manifest.name for manifest in tasks()]
ELSEWHERE = {"given-links"}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return opened(write_folder(tmp_path_factory.mktemp("every") / "kind"))


def plain(column):
    """A column's values as plain Python, times in microseconds."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
    return column.to_pylist()


def rows(frame):
    return {name: plain(column) for name, column in zip(frame.column_names, frame.columns, strict=True)}


def theirs(folder, name, split, *, regenerate):
    task = relbench.load_dataset(folder).load_task(name, regenerate=regenerate)
    return pa.Table.from_pandas(task.get_table(split.value, mask_input_cols=False).df, preserve_index=False)


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("name", NAMES)
def test__label_table__is_relbenchs_row_by_row(database, name, split):
    folder = find_folder(database.project)
    mine = rows(label_table(database, folder.task(name), split))
    expected = rows(theirs(folder.root, name, split, regenerate=False))
    if name == "forecast-multilabel_classification":  # RelBench 3.0.2 sorts the classes of a row, too, when it computes labels
        mine["target"] = [sorted(classes) for classes in mine["target"]]
    assert mine == expected
    assert len(next(iter(mine.values()))) > 5


@pytest.mark.parametrize("split", Split)
@pytest.mark.parametrize("name", ["driver-dnf", "driver-top3", "driver-position"])
def test__rel_f1__computed_anew__is_relbenchs_row_by_row(rel_f1, name, split):
    folder = find_folder(rel_f1.project)
    mine = rows(label_table(rel_f1, folder.task(name), split, regenerate=True))
    expected = rows(theirs(folder.root, name, split, regenerate=True))
    stored = rows(pq.read_table(folder.root / "tasks" / name / f"{split.value}.parquet"))
    assert list(mine) == list(expected)
    for column in stored:
        assert mine[column] == pytest.approx(expected[column], abs=1e-12)
        assert mine[column] == pytest.approx(stored[column], abs=1e-12)


@pytest.mark.parametrize("manifest", tasks(), ids=NAMES)
def test__manifest__holds_all_that_relbench_reads(database, manifest):
    mine = find_folder(database.project).task(manifest.name)
    expected = dataclasses.asdict(manifest)
    window = expected.pop("timedelta")
    assert mine.timedelta == (None if window is None else 10 * DAY)
    for key, value in expected.items():
        found = getattr(mine, key)
        found = [list(v) if isinstance(v, tuple) else v for v in found] if isinstance(found, tuple) else found
        assert (found.rstrip() if key == "sql" and found else found) == (value.rstrip() if key == "sql" and value else value)


def test__catalog__trains_every_kind_but_what_is_scored_elsewhere(database):
    catalog = read_catalog(database)
    assert set(catalog.tasks) == set(list_tasks(database)) == set(NAMES) - ELSEWHERE
    assert set(catalog.broken) == ELSEWHERE
    with pytest.raises(TaskError, match="scored by 'tgb', outside of RelBench"):
        find_task(database, "given-links")
    task = find_task(database, "several")
    assert (task.kind, task.hide, task.evaluations) == (Kind.BINARY, (("events", "copy"),), 2)


def test__hidden__are_the_columns_removed_and_an_autocompletes_own(database):
    folder = find_folder(database.project)
    for name in NAMES:
        task = relbench.load_dataset(folder.root).load_task(name)
        assert set(folder.task(name).hidden) == {tuple(pair) for pair in task.hidden_columns()}


def test__external__without_its_file__is_refused(database, tmp_path):
    manifest = find_folder(database.project).task("given")
    with pytest.raises(TaskError, match=r"val.parquet is not there"):
        label_table(database, dataclasses.replace(manifest, path=tmp_path / "manifest.yaml"), Split.VALIDATION)


def test__stored_table__torn_or_strange__is_refused(database, tmp_path):
    manifest = dataclasses.replace(find_folder(database.project).task("given"), path=tmp_path / "manifest.yaml")
    (tmp_path / "val.parquet").write_bytes(b"PAR1")
    with pytest.raises(TaskError, match="unreadable label table"):
        label_table(database, manifest, Split.VALIDATION)
    pq.write_table(pa.table({"date": [1]}), tmp_path / "val.parquet")
    with pytest.raises(TaskError, match="lacks the column 'user'"):
        label_table(database, manifest, Split.VALIDATION)


def test__sql__runs_in_the_sandbox(database):
    manifest = find_folder(database.project).task("ever")
    with pytest.raises(SqlError):
        label_table(database, dataclasses.replace(manifest, sql="SELECT * FROM read_csv('/etc/hosts')"), Split.TRAIN)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name: [", "not readable as YAML"),
        ("kind: forecast", "lacks 'name'"),
        ("name: a\nkind: forcast\ntask_type: regression", "RelBench knows no 'forcast'"),
        ("name: a\nkind: forecast\ntask_type: ranking", "RelBench knows no 'ranking'"),
        ("name: a\nkind: autocomplete\ntask_type: regression\nentity_table: t", "lacks 'target_col'"),
        ("name: a\nkind: external\ntask_type: recommendation", "lacks 'src_entity_table'"),
        ("name: a\nkind: external\ntask_type: regression\nentity_table: t\ntimedelta: soon", "not a duration"),
        ("name: a\nkind: external\ntask_type: regression\nentity_table: t\neval_k: many", "wrong value"),
    ],
)
def test__manifest__that_is_wrong__is_refused(tmp_path, text, match):
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(TaskError, match=match):
        read_manifest(tmp_path / "manifest.yaml")


def test__task__keeps_the_dates_of_its_dataset(database):
    folder = find_folder(database.project)
    task = manifest_task(folder.task("ever"), folder.splits, database)
    assert (task.validate, task.test) == (folder.splits.validate, folder.splits.test)
    assert np.diff([task.validate, task.test]) == 21 * DAY
