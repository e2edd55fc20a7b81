"""Predictions in RelBench's form score with RelBench what they score with rdl."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.errors import DataError, TaskError
from rdl.task import Kind, Split, entity_keys, find_task, split_labels
from rdl.task.metrics import score
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.predictions import relbench_predictions, submission_name, write_submission
from rdl.task.relbench.tables import label_table
from tests.projects import opened

relbench = pytest.importorskip("relbench")

from tests.task.relbench.every_kind import write_folder  # noqa: E402 - it is written by relbench


def predicted(database, name, seed=0, split=Split.TEST):
    """Random predictions of the test split as `rdl evaluate` writes them, in another order than RelBench's."""
    task = find_task(database, name)
    labels = split_labels(database, task, split)
    draw = np.random.default_rng(seed)
    value = draw.random(len(labels)) * (1 if task.kind is Kind.BINARY else 20)
    table = pa.table(
        {
            database.schema[task.entity_table].key[0]: entity_keys(database, task, labels.seeds.entity).column(0),
            "cutoff": pa.array(labels.seeds.cutoff, pa.timestamp("us")),
            "prediction": value,
        }
    )
    return table.take(pa.array(draw.permutation(len(labels)))), labels, value


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["driver-dnf", "driver-top3", "driver-position"])
def test__scores__are_those_of_rdl(rel_f1, name, seed, tmp_path):
    folder = find_folder(rel_f1.project)
    manifest, test = folder.task(name), label_table(rel_f1, folder.task(name), Split.TEST)
    table, labels, value = predicted(rel_f1, name, seed)
    pq.write_table(table, tmp_path / "p.parquet")
    array = relbench_predictions(tmp_path / "p.parquet", manifest, test)
    task = relbench.load_dataset(folder.root).load_task(name)
    found = task.evaluate(array)
    scale = float(np.std(split_labels(rel_f1, find_task(rel_f1, name), Split.TRAIN).target, ddof=1))
    mine = score(find_task(rel_f1, name).kind, labels, value, scale)
    for metric, result in found.items():
        assert mine[metric] == pytest.approx(result, abs=1e-9)
    if "nmae" in found:
        assert mine["mae"] == pytest.approx(found["nmae"] * task.nmae_std, abs=1e-9)


@pytest.mark.parametrize("name", ["driver-dnf", "driver-position"])
def test__submission__is_taken_and_scores_the_same(rel_f1, rel_f1_folder, name, tmp_path, monkeypatch):
    from relbench import submit

    folder = find_folder(rel_f1.project)
    manifest, test = folder.task(name), label_table(rel_f1, folder.task(name), Split.TEST)
    array = relbench_predictions(predicted(rel_f1, name)[0], manifest, test)
    path = tmp_path / submission_name("rel-f1", name)
    write_submission(path, array, manifest, test)
    monkeypatch.setattr(submit, "_fetch_eval_files", lambda dataset, names: rel_f1_folder)
    task = relbench.load_dataset(rel_f1_folder).load_task(name)
    expected = task.evaluate(array)
    assert submit.evaluate_task(f"rel-f1/{name}", path) == pytest.approx(expected, abs=1e-12)
    assert [p.name for p in tmp_path.iterdir()] == [f"rel-f1__{name}.csv"]


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    database = opened(write_folder(tmp_path_factory.mktemp("links") / "kind"))
    folder = find_folder(database.project)
    return folder, folder.task("links"), label_table(database, folder.task("links"), Split.TEST)


def test__ranked_lists__become_rows_of_eval_k(links, tmp_path):
    folder, manifest, test = links
    ranked = pa.table(
        {
            "user": test["user"],
            "cutoff": test["date"],
            "prediction": pa.array([items[: 1 + i % 5] for i, items in enumerate(test["item"].to_pylist())]),
        }
    )
    array = relbench_predictions(ranked, manifest, test)
    assert array.shape == (test.num_rows, 3)
    task = relbench.load_dataset(folder.root).load_task("links")
    assert 0.5 < task.evaluate(array)["map"] <= 1
    write_submission(tmp_path / "links.csv", array, manifest, test)
    from relbench import submit

    truth = task.get_table("test", mask_input_cols=False).df
    import pandas as pd

    assert np.array_equal(submit._build_pred_array(task, truth, pd.read_csv(tmp_path / "links.csv")), array)


def test__predictions__missing_twice_or_of_other_columns__are_refused(rel_f1):
    folder = find_folder(rel_f1.project)
    manifest, test = folder.task("driver-dnf"), label_table(rel_f1, folder.task("driver-dnf"), Split.TEST)
    table, _, _ = predicted(rel_f1, "driver-dnf")
    with pytest.raises(TaskError, match="2 of 702 rows of the label table have no prediction"):
        relbench_predictions(table.slice(2), manifest, test)
    with pytest.raises(TaskError, match="1 predictions are there twice"):
        relbench_predictions(pa.concat_tables([table, table.slice(0, 1)]), manifest, test)
    with pytest.raises(DataError, match="no predictions: the columns are cutoff, prediction"):
        relbench_predictions(table.drop_columns(["driverId"]), manifest, test)


@pytest.mark.parametrize(
    ("values", "match"), [([0.5], "expected predictions"), ([0.5, np.nan], "not finite"), ([0.5, 1.5], "outside 0 to 1")]
)
def test__submission__that_relbench_would_refuse__is_not_written(links, tmp_path, values, match):
    manifest = links[0].task("given")
    table = pa.table({"date": pa.array([1, 2], pa.timestamp("us")), "user": [1, 2], "target": [0, 1]})
    with pytest.raises(TaskError, match=match):
        write_submission(tmp_path / "p.csv", np.array(values), manifest, table)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["1 day", "90 minutes", "1500 milliseconds", "7 microseconds"])
def test__times__are_written_as_pandas_writes_them(links, tmp_path, step):
    import pandas as pd

    times = pd.Series(pd.date_range("2025-01-01", periods=3, freq=pd.Timedelta(step)).as_unit("us"))
    table = pa.table({"date": pa.array(times.to_numpy()), "user": [1, 2, 3]})
    write_submission(tmp_path / "p.csv", np.array([0.5, 0.1, 1]), links[0].task("given"), table)
    assert pd.read_csv(tmp_path / "p.csv")["date"].astype(str).tolist() == times.astype(str).tolist()
