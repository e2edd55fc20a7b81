"""What a task file and the command line may ask predictions to promise, and what they may not."""

from dataclasses import asdict

import numpy as np
import pytest

from rdl.cli.promises import read_grades, read_shares
from rdl.errors import TaskError, UsageError
from rdl.task import Task
from tests.task.test_taskfile import BODY, HEADER, read

VALUES = HEADER.replace('"binary"', '"regression"').replace('"roc_auc"', '"mae"')


def with_keys(header, *lines):
    return header.replace("*/", "\n".join([*lines, "*/"])) + BODY


def test__header__nothing_said__is_ninety_per_cent_and_no_grades(tmp_path):
    task = read(tmp_path, HEADER + BODY)
    assert (task.intervals, task.quantiles, task.grades, task.least, task.most) == ((0.9,), (), 0, None, None)


def test__header__keys__are_kept_in_a_task_that_was_stored_as_plain_data(tmp_path):
    task = read(tmp_path, with_keys(VALUES, "intervals = [0.9, 0.5, 0.9]", "quantiles = [0.1]", "least = 0", "most = 2.5"))
    assert (task.intervals, task.quantiles, task.least, task.most) == ((0.9, 0.5), (0.1,), 0, 2.5)
    assert task.bounded(np.array([-1.0, 1.0, 3.0])).tolist() == [0.0, 1.0, 2.5]
    assert Task(**{**asdict(task), "intervals": [0.9, 0.5], "quantiles": [0.1]}) == task
    assert read(tmp_path, with_keys(HEADER, "grades = [0.3, 0.1]")).grades == (0.1, 0.3)
    assert read(tmp_path, with_keys(HEADER, "grades = 7", "intervals = []")).intervals == ()


@pytest.mark.parametrize(
    ("header", "line", "value"),
    [
        (VALUES, "intervals = [90.0]", "90"),
        (VALUES, "quantiles = [0.0]", "holds 0"),
        (VALUES, "grades = 3", "belongs to kind = 'binary'"),
        (VALUES, "least = 3\nmost = 3", "least = 3"),
        (HEADER, "least = 0", "belongs to kind = 'regression'"),
        (HEADER, "quantiles = [0.5]", "belongs to kind = 'regression'"),
        (HEADER, "grades = 1", "grades = 1"),
        (HEADER, "grades = [0.1, 1.5]", "1.5"),
    ],
)
def test__header__what_cannot_be_promised__is_refused_with_its_value(tmp_path, header, line, value):
    with pytest.raises(TaskError) as caught:
        read(tmp_path, with_keys(header, line))
    assert value in caught.value.what
    assert caught.value.fix


def test__options__are_read_or_refused():
    assert (read_shares(None, "--intervals"), read_grades(None)) == (None, None)
    assert (read_shares("0.9, 0.5", "--intervals"), read_grades("7"), read_grades("0.3,0.1")) == ((0.9, 0.5), 7, (0.1, 0.3))
    for text in ("90", "much", ""):
        with pytest.raises(UsageError, match="holds no shares"):
            read_shares(text, "--intervals")
    for text in ("1", "99", "many"):
        with pytest.raises(UsageError, match="names no grades"):
            read_grades(text)
