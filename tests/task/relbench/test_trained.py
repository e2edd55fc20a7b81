"""Tasks of every kind and type of RelBench's, as rdl asks, trains and answers them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.boost import BoostSettings
from rdl.database import Database
from rdl.errors import TaskError
from rdl.evaluate import evaluate
from rdl.model import FitSettings, fit_model, load_model, save_model
from rdl.task import (
    Kind,
    Labels,
    Split,
    Task,
    entity_keys,
    find_task,
    labels_at,
    mature_cutoffs,
    past_labels,
    population_at,
    split_cutoffs,
    split_labels,
    with_classes,
)
from rdl.task.fixed import moments_of
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.trained import manifest_task
from tests.projects import opened

relbench = pytest.importorskip("relbench")

from tests.task.relbench.every_kind import tasks, write_folder  # noqa: E402 - it is written by relbench

pytestmark = pytest.mark.slow

NAMES = [manifest.name for manifest in tasks() if manifest.evaluator is None]
OWN = ["column-amount", "column-late", "column-sort", "given", "given-several"]
SMALL = FitSettings(members=("entity", "features"), boost=BoostSettings(rounds=15, seeds=1, min_child_weight=2.0, threads=1))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return opened(write_folder(tmp_path_factory.mktemp("every") / "kind"))


def settled(database: Database, name: str) -> Task:
    task = find_task(database, name)
    return with_classes(database, task, task.test)


def values(task: Task, labels: Labels) -> list[object]:
    """What the labels say, in RelBench's words."""
    if task.kind is Kind.MULTICLASS:
        return [task.classes[int(place)] for place in labels.target]
    if task.kind is Kind.MULTILABEL:
        width = len(task.classes)
        places = [task.classes.index(i) for i in range(width)]
        return [row[places].astype(int).tolist() for row in labels.target]
    if task.kind is Kind.RECOMMENDATION:
        assert labels.lists is not None
        starts = labels.lists.starts
        return [labels.lists.rows[a:b].tolist() for a, b in pairwise(starts)]
    return labels.target.tolist()


def theirs(folder, name: str, split: Split) -> dict[tuple[int, object], object]:
    """RelBench's own table, by time and key."""
    task = relbench.load_dataset(folder).load_task(name)
    table = pa.Table.from_pandas(task.get_table(split.value, mask_input_cols=False).df, preserve_index=False)
    link = name == "links"
    late = 1 if name.startswith("column") else 0  # a row's own label belongs to the microsecond after its time
    time = moments_of(table, task.time_col) + late
    keys = table[task.src_entity_col if link else task.entity_col].to_pylist()
    target = table[task.dst_entity_col if link else task.target_col].to_pylist()
    found = [sorted(row) if link or name == "forecast-multilabel_classification" else row for row in target]
    rows = zip(time.tolist(), keys, found, strict=True)
    return {(moment, key): value for moment, key, value in rows if value is not None}  # what is null is no label


@pytest.mark.parametrize("name", NAMES)
def test__split_labels__are_relbenchs_tables_row_by_row(database, name):
    task, folder = settled(database, name), find_folder(database.project)
    for split in Split:
        labels = split_labels(database, task, split)
        keys = entity_keys(database, task, labels.seeds.entity).column(0).to_pylist()
        found = values(task, labels)
        if name == "forecast-multilabel_classification":  # RelBench 3.0.2 sorts the classes of a row when it computes labels
            found = [sorted(row) for row in found]
        mine = dict(zip(zip(labels.seeds.cutoff.tolist(), keys, strict=True), found, strict=True))
        assert mine == theirs(folder.root, name, split)
        assert len(mine) == len(labels) > 5


@pytest.mark.parametrize("name", OWN)
def test__own_cutoffs__hold_the_published_labels_and_split_in_time(database, name):
    task = settled(database, name)
    cutoffs = {split: split_cutoffs(task, split, database.span) for split in Split}
    assert cutoffs[Split.TRAIN][-1] < task.validate <= cutoffs[Split.VALIDATION][0]
    assert cutoffs[Split.VALIDATION][-1] < task.test <= cutoffs[Split.TEST][0]
    assert sum(map(len, cutoffs.values())) == len(task.listed)
    for split in Split:
        asked, _ = labels_at(database, task, cutoffs[split])
        published = split_labels(database, task, split)
        assert np.array_equal(asked.seeds.entity, published.seeds.entity)
        assert np.array_equal(asked.target, published.target)


def test__autocomplete__sees_its_row_and_no_label_of_its_time(database):
    task = settled(database, "column-late")
    assert set(task.hide) == {("events", "late"), ("events", "copy")}
    labels = split_labels(database, task, Split.TEST)
    with database.engine() as engine:
        times = engine.numpy("SELECT _time AS t FROM rows.events ORDER BY _row")["t"]
    assert np.array_equal(labels.seeds.as_of, times[labels.seeds.entity] + 1)
    history = past_labels(database, task, labels.seeds.cutoff)
    assert len(history.entity) > 800
    for seed in range(0, len(labels), 17):
        usable = history.time < labels.seeds.as_of[seed]
        assert np.array_equal(usable, times[history.entity] < times[labels.seeds.entity[seed]])
    mature = mature_cutoffs(task, task.test, database.span)
    assert mature[-1] < task.test


def test__autocomplete__asks_tonight_for_what_is_null(database):
    task = find_task(database, "column-amount")
    for cutoff in (task.test, database.span[1] + 1):
        people = population_at(database, task, np.array([cutoff]))
        with database.engine() as engine:
            sql = f"SELECT _row AS r FROM rows.events WHERE amount IS NULL AND _time < {cutoff} ORDER BY r"
            assert people.entity.tolist() == engine.numpy(sql)["r"].tolist()
        assert len(people) > 40


def test__external__asks_tonight_for_those_with_a_recent_label(database):
    task = find_task(database, "given")
    people = population_at(database, task, np.array([database.span[1] + 1]))
    with_label = np.unique(labels_at(database, task, np.array(task.listed))[0].seeds.entity)
    assert np.array_equal(people.entity, with_label)


def test__external__labels_that_change_are_other_labels(database, tmp_path):
    folder = find_folder(database.project)
    manifest, place = folder.task("given"), tmp_path / "given"
    place.mkdir()
    for split in Split:
        pq.write_table(pq.read_table(manifest.path.with_name(f"{split.value}.parquet")), place / f"{split.value}.parquet")
    moved = replace(manifest, path=place / "manifest.yaml")
    before = manifest_task(moved, folder.splits, database)
    assert before.label_sql == find_task(database, "given").label_sql
    table = pq.read_table(place / "train.parquet")
    pq.write_table(
        table.set_column(table.column_names.index("target"), "target", pa.array([1] * len(table))), place / "train.parquet"
    )
    after = manifest_task(moved, folder.splits, database)
    assert after.label_sql != before.label_sql
    assert labels_at(database, after, np.array(after.listed[:3]))[0].target.min() == 1


def test__external__splits_that_overlap_or_lack_a_time__are_refused(database, tmp_path):
    folder = find_folder(database.project)
    manifest = folder.task("given")
    with pytest.raises(TaskError, match="no time_col to split by"):
        manifest_task(replace(manifest, time_col=None), folder.splits, database)
    for split in Split:
        pq.write_table(pq.read_table(manifest.path.with_name("train.parquet")), tmp_path / f"{split.value}.parquet")
    with pytest.raises(TaskError, match="do not all lie before those of val"):
        manifest_task(replace(manifest, path=tmp_path / "manifest.yaml"), folder.splits, database)
    (tmp_path / "val.parquet").unlink()
    with pytest.raises(TaskError, match=r"val.parquet is not there"):
        manifest_task(replace(manifest, path=tmp_path / "manifest.yaml"), folder.splits, database)


def test__row_without_a_key__is_named_by_its_place(database):
    folder = find_folder(database.project)
    keyless = replace(database.schema["events"], key=())
    stripped = replace(database, schema=type(database.schema)({**database.schema.tables, "events": keyless}))
    task = manifest_task(folder.task("column-late"), folder.splits, stripped)
    assert task.entity_columns == ("_row",)
    cutoffs = split_cutoffs(task, Split.TEST, database.span)
    found, known = labels_at(stripped, task, cutoffs)[0], split_labels(database, find_task(database, "column-late"), Split.TEST)
    assert np.array_equal(found.seeds.entity, known.seeds.entity)
    assert np.array_equal(found.target, known.target)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["column-sort", "given-several"])
def test__every_kind__trains_end_to_end(database, name):
    found = evaluate(database, find_task(database, name), "fresh", SMALL)
    assert found.rows == len(split_labels(database, settled(database, name), Split.TEST))
    assert 0 < found.headline < 1
    assert not any(f".{column}" in feature for _, column in find_task(database, name).hide for feature in found.importance)


@pytest.mark.slow
def test__external__saved_model_finds_the_labels_in_the_project(database, tmp_path):
    task = find_task(database, "given")
    model = fit_model(database, task, task.test, replace(SMALL, members=("features",)))
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert not loaded.task.path.is_absolute()
    seeds = population_at(database, loaded.task, np.array([database.span[1] + 1]))
    assert len(seeds)
    assert np.array_equal(loaded.predict(database, seeds).prediction, model.predict(database, seeds).prediction)
    published = split_labels(database, task, Split.TEST)
    assert np.array_equal(split_labels(database, loaded.task, Split.TEST).target, published.target)
