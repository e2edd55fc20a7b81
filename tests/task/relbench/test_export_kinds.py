"""Tasks of every kind, exported and read by RelBench's own loader; and predictions of every kind, scored by its own `evaluate`."""

import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rdl.errors import TaskError
from rdl.task import Kind, Labels, Split, Task, find_task, labels_at, prediction_table, split_cutoffs, split_labels, with_classes
from rdl.task.relbench.export import export_relbench
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.manifest import read_manifest
from rdl.task.relbench.predictions import relbench_predictions, write_submission
from rdl.task.relbench.tables import label_table
from tests.projects import opened

relbench = pytest.importorskip("relbench")

from tests.task.relbench.every_kind import tasks, write_folder  # noqa: E402 - it is written by relbench
from tests.task.relbench.test_export import shop, target_frame  # noqa: E402

pytestmark = pytest.mark.slow

NAMES = [manifest.name for manifest in tasks() if manifest.evaluator is None]
KEPT = {"column-sort": "autocomplete", "given-several": "external", "links": "external"}
HEADER = """/* rdl
task     = "NAME"
kind     = "KIND"
entity   = "ENTITY"
horizon  = "5 days"
validate = 2025-02-10
test     = 2025-02-20
MORE
*/
"""
AHEAD = "orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon"
HABIT = f"SELECT c.cutoff, o.customer_id, LABEL AS label FROM cutoffs c JOIN {AHEAD} WHERE o.customer_id IS NOT NULL GROUP BY ALL"
SORT = "CASE WHEN count(*) > 2 THEN 'many' WHEN max(o.amount) > 30 THEN 'dear' ELSE 'few' END"
LISTS = "list(DISTINCT o.customer_id)"
SORTS = "list(DISTINCT CASE WHEN o.amount > 30 THEN 'dear' ELSE 'cheap' END)"
LINE = "SELECT c.cutoff, l.order_id, l.place, l.price > 60 AS label FROM cutoffs c CROSS JOIN lines l"


def header(name: str, kind: str, entity: str = "customers", more: str = "") -> str:
    return HEADER.replace("NAME", name).replace("KIND", kind).replace("ENTITY", entity).replace("MORE", more)


def own(folder: Path) -> Path:
    return shop(
        folder,
        sort=header("sort", "multiclass") + HABIT.replace("LABEL", SORT),
        sorts=header("sorts", "multilabel") + HABIT.replace("LABEL", SORTS),
        basket=header("basket", "recommendation", more='target = "customers"\ntop = 4') + HABIT.replace("LABEL", LISTS),
        line=header("line", "binary", "lines") + LINE,
        still=header("still", "regression").replace('horizon  = "5 days"\nvalidate = 2025-02-10\ntest     = 2025-02-20\n', "")
        + "SELECT customer_id, length(note) AS label FROM customers",
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("kinds")
    database = opened(own(place / "project"))
    return database, export_relbench(database, place / "out")


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory):
    return opened(write_folder(tmp_path_factory.mktemp("every") / "kind"))


def lists_of(labels: Labels) -> list[list[int]]:
    assert labels.lists is not None
    return [labels.lists.rows[labels.lists.starts[i] : labels.lists.starts[i + 1]].tolist() for i in range(len(labels))]


def test__kinds__are_external_but_what_sql_gives_again(exported):
    _, out = exported
    assert out.tasks == {"basket": "external", "line": "external", "sort": "forecast", "sorts": "external"}
    assert any(note.startswith("task still: left out, RelBench has no tasks without time") for note in out.notes)
    assert relbench.load_dataset(out.folder).get_task_names() == ["basket", "line", "sort", "sorts"]


def test__labels__are_what_rdl_has(exported):
    database, out = exported
    data = relbench.load_dataset(out.folder)
    for name in out.tasks:
        task = find_task(database, name)
        task = with_classes(database, task, database.span[1] + 1)
        for split in (Split.TRAIN, Split.TEST):
            frame, labels = target_frame(data.load_task(name), split.value), split_labels(database, task, split)
            assert frame.iloc[:, 1].tolist() == labels.seeds.entity.tolist()
            target = frame.iloc[:, 2].tolist()
            if name == "sort":
                assert target == [task.classes[int(t)] for t in labels.target]
            elif name == "line":
                assert target == labels.target.tolist()
            elif name == "sorts":
                places = [task.classes.index(c) for c in sorted(task.classes)]
                assert [list(row) for row in target] == labels.target[:, places].tolist()
            else:
                assert [list(row) for row in target] == lists_of(labels)
    assert read_manifest(out.folder / "tasks" / "sorts" / "manifest.yaml").description == (
        "The places of a target are the classes cheap, dear."
    )
    assert (data.load_task("basket").eval_k, data.load_task("basket").dst_entity_table) == (4, "customers")


def test__rdl__reads_its_own_export_of_every_kind(exported):
    database, out = exported
    again = opened(out.folder)
    for name, kind in (("sort", Kind.MULTICLASS), ("sorts", Kind.MULTILABEL), ("basket", Kind.RECOMMENDATION)):
        task = with_classes(again, find_task(again, name), again.span[1] + 1)
        mine = with_classes(database, find_task(database, name), database.span[1] + 1)
        assert task.kind is kind
        labels, known = split_labels(again, task, Split.TRAIN), split_labels(database, mine, Split.TRAIN)
        assert np.array_equal(labels.seeds.entity, known.seeds.entity)
        if kind is Kind.MULTICLASS:
            assert np.array_equal(labels.target, known.target)


def test__relbench_project__comes_out_as_it_went_in(tmp_path):
    root = write_folder(tmp_path / "in")
    for other in set(NAMES) - set(KEPT):
        shutil.rmtree(root / "tasks" / other)
    every = opened(root)
    out = export_relbench(every, tmp_path / "out")
    assert out.tasks == KEPT
    folder = find_folder(every.project)
    mine = relbench.load_dataset(out.folder)
    for name, split in product(KEPT, (Split.TRAIN, Split.TEST)):
        expected = label_table(every, folder.task(name), split).to_pydict()
        found = target_frame(mine.load_task(name), split.value)
        assert len(found) == sum(v is not None for v in list(expected.values())[-1])
        if name == "column-sort":
            again = target_frame(mine.load_task(name, regenerate=True), split.value)
            assert again.iloc[:, 1].tolist() == found.iloc[:, 1].tolist()
            assert again.iloc[:, 2].tolist() == found.iloc[:, 2].tolist()


def predicted(database, task: Task, labels: Labels) -> pa.Table:
    """Random predictions as `rdl evaluate` writes them, in another order than RelBench's."""
    draw = np.random.default_rng(1)
    if task.kind is Kind.RECOMMENDATION:
        rows = database.schema[str(task.target_table)].rows
        values = np.stack([draw.permutation(rows)[: task.top] for _ in range(len(labels))])
    else:
        values = draw.random((len(labels), *task.shape))
    if task.kind is Kind.MULTICLASS:
        values /= values.sum(axis=1, keepdims=True)
    table = prediction_table(database, task, labels.seeds, values)
    return table.take(pa.array(draw.permutation(len(labels))))


def accuracy(true, pred) -> float:
    return float(np.mean(np.asarray(true) == pred.argmax(axis=1)))


def exact(true, pred) -> float:
    return float(np.mean(np.stack(list(true)) == (pred >= 0.5)))


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("column-amount", None),
        ("column-late", None),
        ("given", None),
        ("links", None),
        ("forecast-multiclass_classification", [accuracy]),
        ("given-several", [exact]),
    ],
)
def test__predictions__score_with_relbench_what_they_score_here(every, name, metrics, tmp_path):
    folder = find_folder(every.project)
    manifest = folder.task(name)
    task = with_classes(every, find_task(every, name), find_task(every, name).test)
    cutoffs = split_cutoffs(task, Split.TEST, every.span)
    labels = labels_at(every, task, cutoffs)[0]
    test = label_table(every, manifest, Split.TEST)
    if name == "given":
        test = test.filter(test["target"].is_valid())
    table = predicted(every, task, labels)
    array = relbench_predictions(table, manifest, test)
    theirs = relbench.load_dataset(folder.root).load_task(name)
    truth = theirs.get_table("test", mask_input_cols=False)
    truth.df = truth.df.dropna(subset=[truth.df.columns[-1]])
    found = theirs.evaluate(array, truth, metrics=metrics)
    from rdl.task.metrics import score

    mine = score(task.kind, labels, aligned(every, task, table, labels), 1.0)
    if name == "links":  # RelBench leaves out entities and items that come after the test date
        assert array.shape == (test.num_rows, 3)
        assert 0 < found["map"] < 1
    elif name == "column-amount":
        assert found["nmae"] * theirs.nmae_std == pytest.approx(mine["mae"])
    elif metrics is None:
        assert found["roc_auc"] == pytest.approx(mine["roc_auc"])
    elif metrics == [accuracy]:
        assert array.shape == (test.num_rows, 3)
        assert 0 < found["accuracy"] < 1
        with pytest.raises(TaskError, match="takes no submission"):
            write_submission(tmp_path / "p.csv", array, manifest, test)
    else:
        place = [task.classes.index(i) for i in range(len(task.classes))]
        values = aligned(every, task, table, labels)
        assert found["exact"] == pytest.approx(np.mean(labels.target[:, place] == (values[:, place] >= 0.5)))


def aligned(database, task: Task, table: pa.Table, labels: Labels) -> np.ndarray:
    """The predictions in the order of the labels, as they were made."""
    draw = np.random.default_rng(1)
    if task.kind is Kind.RECOMMENDATION:
        rows = database.schema[str(task.target_table)].rows
        return np.stack([draw.permutation(rows)[: task.top] for _ in range(len(labels))])
    values = draw.random((len(labels), *task.shape))
    assert table.num_rows == len(labels)
    return values / values.sum(axis=1, keepdims=True) if task.kind is Kind.MULTICLASS else values
