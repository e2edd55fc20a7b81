"""One task file that is wrong hides no other."""

import pytest

from rdl.errors import TaskError
from rdl.task import find_task, list_tasks
from rdl.task.catalog import read_catalog
from tests.projects import opened, write_shop

TASK = """/* rdl
task = "NAME"
kind = "KIND"
entity = "customers"
horizon = "1 day"
validate = 2025-02-02
test = 2025-02-03
*/
SELECT c.cutoff, u.customer_id, true AS label FROM cutoffs c CROSS JOIN customers u
"""


def write(folder, **files):
    write_shop(folder)
    (folder / "sql" / "tasks").mkdir(parents=True)
    for name, text in files.items():
        (folder / "sql" / "tasks" / f"{name}.sql").write_text(text)
    return opened(folder)


def task(name, kind="binary"):
    return TASK.replace("NAME", name).replace("KIND", kind)


def test__broken_file__leaves_the_others(project_folder):
    database = write(project_folder, whole=task("whole"), torn=task("crooked", "binray"), empty="")
    catalog = read_catalog(database)
    assert (list(catalog.tasks), sorted(catalog.broken)) == (["whole"], ["crooked", "empty"])
    assert list(list_tasks(database)) == ["whole"]
    assert find_task(database, "whole").name == "whole"


def test__broken_file__asked_for__raises_its_own_error(project_folder):
    database = write(project_folder, whole=task("whole"), torn=task("crooked", "binray"))
    with pytest.raises(TaskError, match="binray"):
        find_task(database, "crooked")
    with pytest.raises(TaskError, match="no task 'crookd'") as error:
        find_task(database, "crookd")
    assert error.value.fix == "did you mean 'crooked'?"


def test__two_of_one_name__are_both_broken_and_no_other_is(project_folder):
    database = write(project_folder, a=task("twin"), b=task("twin"), c=task("alone"))
    catalog = read_catalog(database)
    assert (list(catalog.tasks), list(catalog.broken)) == (["alone"], ["twin"])
    with pytest.raises(TaskError, match="two tasks are called 'twin'") as error:
        find_task(database, "twin")
    assert "a.sql" in error.value.where
    assert "b.sql" in error.value.where
