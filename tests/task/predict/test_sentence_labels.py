"""What sentences of every kind say, read as labels: places of classes, sets of them, lists of rows."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from rdl.task import METRICS, Kind, entity_keys, labels_at, table_keys
from rdl.task.taskfile import read_task_file
from rdl.timeline import parse_time
from tests.task.predict.test_sentences import SENTENCES
from tests.task.predict.tiny import CUTOFFS, compiled, tiny

MOST = 5


def chosen():
    """Of every kind some sentences: all of those that name classes or rows, as far as `MOST`."""
    by_kind = defaultdict(list)
    for case in SENTENCES:
        by_kind[case["kind"]].append(case)
    return [case for kind, cases in by_kind.items() if kind in METRICS for case in cases[:MOST]]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("labels") / "project")


def read(database, task, labels, i):
    """One label in the user's words."""
    target = labels.target[i]
    if task.kind is Kind.MULTICLASS:
        return task.classes[int(target)]
    if task.kind is Kind.MULTILABEL:
        return [c for c, named in zip(task.classes, target, strict=True) if named]
    if task.kind is Kind.RECOMMENDATION:
        return sorted(table_keys(database, task.target_table, labels.lists[i : i + 1].rows).column(0).to_pylist())
    return target


@pytest.mark.parametrize("case", chosen(), ids=lambda case: case["says"])
def test__sentence__has_the_labels_that_a_person_counts(case, database, tmp_path):
    path = tmp_path / "asked.sql"
    path.write_text(compiled(database, case["says"]).text, encoding="utf-8")
    task = read_task_file(path, database.schema)
    expected = {key: [None if one == "-" else one for one in labels] for key, labels in case["labels"].items()}
    if task.kind.classed:
        named = [one for labels in expected.values() for one in labels if one is not None]
        flat = named if task.kind is Kind.MULTICLASS else [c for one in named for c in one]
        task = replace(task, classes=tuple(sorted(set(flat))))
    moments = np.array([parse_time(cutoff) for cutoff in CUTOFFS])
    labels, report = labels_at(database, task, moments)
    keys = entity_keys(database, task, labels.seeds.entity).to_pylist()
    found = {}
    for i, key in enumerate(keys):
        name = str(next(iter(key.values())) if len(key) == 1 else tuple(key.values()))
        found.setdefault(name, [None, None])[int(labels.seeds.cutoff[i] == moments[1])] = read(database, task, labels, i)
    assert found.keys() == expected.keys()
    for key, said in expected.items():
        for one, other in zip(found[key], said, strict=True):
            assert one == (pytest.approx(float(other)) if isinstance(other, int | float) else other)
    assert report.unknown_entity == report.unknown_target == 0
