"""What the commands about models say of every kind of question."""

from dataclasses import replace
from pathlib import Path

import pytest

from rdl.cli.models import TRIALS, _answers, _table, _trials
from rdl.errors import UsageError
from rdl.task import METRICS, Kind, Task
from tests.evaluate.examples import example

TASK = Task(
    name="next",
    kind=Kind.BINARY,
    entity_table="users",
    entity_columns=("user",),
    horizon=1,
    every=1,
    validate=0,
    test=1,
    metric="roc_auc",
    label_sql="",
    population_sql=None,
    path=Path("next.sql"),
)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("nothing", [False, True])
def test__evaluate__table__holds_every_metric_or_says_that_it_is_undefined(kind: Kind, nothing: bool) -> None:
    task, found = example(TASK, kind, nothing)
    head, names, member, blend, *promises = _table(found, task)
    assert "4 test rows at 1 cutoffs" in head
    k = "@3" if kind is Kind.RECOMMENDATION else ""
    assert names.split() == ["member", "weight", *(f"{metric}{k}" for metric in METRICS[kind])]
    assert member.split()[0] == "features"
    assert len(blend.split()) == 1 + len(METRICS[kind])
    assert ("undefined" in blend) == nothing
    assert "nan" not in blend
    assert len(promises) == 2 * (kind in (Kind.BINARY, Kind.MULTICLASS, Kind.MULTILABEL))
    assert all(word in line for word, line in zip(("points off", "Brier"), promises, strict=False))


def test__evaluate__task_without_time__says_that_the_split_is_random() -> None:
    task, found = example(TASK, Kind.MULTICLASS)
    assert "4 test rows split at random" in _table(found, replace(task, static=True))[0]


def test__train__answers__are_named_where_they_are_no_numbers() -> None:
    assert _answers(TASK) == []
    assert _answers(replace(TASK, kind=Kind.MULTICLASS, classes=tuple("abcdefg"))) == ["  classes  a, b, c, d, e and 2 more"]
    assert _answers(replace(TASK, kind=Kind.RECOMMENDATION, target_table="items")) == ["  ranks    10 rows of items"]


def test__train__trials__are_those_of_tune() -> None:
    assert [_trials(True, None), _trials(True, 3), _trials(False, None)] == [TRIALS, 3, None]
    with pytest.raises(UsageError, match="--tune"):
        _trials(False, 3)
