"""Tonight's table says what the computation says, of those whom it covers, and nothing once it was altered."""

import logging
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from rdl.errors import ModelFileError, TaskError
from rdl.features import compute_features, fitting_tables, materialise, tables_of
from rdl.features.kept.table import ABOUT, BLOCK, CODES, KEYS, SUMS, VALUES, FeatureTable, read_facts
from rdl.task import Seeds
from rdl.timeline import DAY
from tests.features.growing import FIRST, MEMBERS, make_history, make_plan, make_task, tables, write
from tests.features.kept.test_store import assert_same

AS_OF = FIRST + 50 * DAY


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tonight")
    return write(folder / "project", tables(), folder / "home")


@pytest.fixture(scope="module")
def plan(database):
    return make_plan(database)


@pytest.fixture(scope="module")
def task(database):
    return make_task(database)


@pytest.fixture(scope="module")
def made(database, task, plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "table"
    return folder, materialise(database, task, plan, AS_OF, make_history(), folder)


@pytest.fixture
def home(database, made, tmp_path):
    """A home with a copy of the table: (database, folder of the copy)."""
    other = replace(database, project=replace(database.project, home=tmp_path))
    place = tmp_path / "tonight" / "active" / "copy"
    place.mkdir(parents=True)
    for file in made[0].iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return other, place


def seeds_of(entity, as_of=AS_OF):
    return Seeds.at(np.asarray(entity, dtype=np.int64), np.full(len(entity), as_of, dtype=np.int64))


@pytest.mark.parametrize("asked", [range(19), [3], [7, 0, 7, 18], []])
def test__table__any_entities__equal_the_computation(database, plan, made, asked):
    table = FeatureTable.open(*made)
    seeds = seeds_of(list(asked))
    assert table.covers(seeds).all()
    wanted = database.run(lambda engine: compute_features(plan, engine, seeds, make_history()))
    assert_same(table.features(seeds.entity), wanted)


def test__materialise__any_chunk__gives_the_same_files(database, task, plan, made, tmp_path, monkeypatch):
    folder, facts = made
    for module in ("tonight", "table"):
        monkeypatch.setattr(f"rdl.features.kept.{module}.BLOCK", 8)
    parts = materialise(database, task, plan, AS_OF, make_history(), tmp_path / "parts", chunk=8)
    whole = materialise(database, task, plan, AS_OF, make_history(), tmp_path / "whole")
    assert parts.rows == facts.rows > 16
    assert (tmp_path / "parts" / VALUES).read_bytes() == (folder / VALUES).read_bytes()
    found, wanted = (FeatureTable.open(tmp_path / name, said) for name, said in (("parts", parts), ("whole", whole)))
    assert_same(found.features(np.arange(parts.rows)), wanted.features(np.arange(parts.rows)))


def test__covers__only_visible_entities_at_its_moment(made):
    table = FeatureTable.open(*made)
    rows = table.facts.rows
    assert 1 < rows < MEMBERS
    assert table.covers(seeds_of([0, rows - 1, rows, -1])).tolist() == [True, True, False, False]
    assert not table.covers(seeds_of([0], AS_OF + 1)).any()
    assert not table.covers(seeds_of([0]).stale(np.array([1]))).any()


def test__find__keys__are_found_as_the_database_finds_them(made):
    table = FeatureTable.open(*made)
    names = [f"m{i}" for i in (0, 10, 2, 0)]
    assert table.find([names]).tolist() == [0, 10, 2, 0]
    assert table.find([["m0", "nobody"]]) is None
    assert table.find([["m29"]]) is None
    assert table.find([[0]]) is None
    assert table.find([[None]]) is None


def test__find__keys_of_several_columns__are_told_apart(made, tmp_path):
    folder, facts = made
    columns = {"shop": ["a", "a", "b"], "till": [2, 10, 1], "_row": [2, 0, 1]}
    place = tmp_path / "table"
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    with pa.OSFile(str(place / KEYS), "wb") as sink, pa.ipc.new_file(sink, pa.table(columns).schema) as file:
        file.write_table(pa.table(columns))
    table = FeatureTable.open(place, replace(facts, keys=("shop", "till"), sums={}))
    assert table.find([["b", "a", "a"], [1, 10, 2]]).tolist() == [1, 0, 2]
    assert table.find([["b"], [2]]) is None
    assert table.find([["a"], [True]]) is None


def test__fitting_tables__other_rows_plan_task_or_code__do_not_fit(home, database, task, plan, monkeypatch):
    mine, _ = home
    assert [t.facts.as_of for t in fitting_tables(mine, task, plan)] == [AS_OF]
    assert fitting_tables(replace(mine, fingerprint="other"), task, plan) == ()
    assert fitting_tables(mine, task, plan.drop("calendar")) == ()
    assert fitting_tables(mine, replace(task, label_sql=task.label_sql + " "), plan) == ()
    assert fitting_tables(mine, replace(task, name="other"), plan) == ()
    assert fitting_tables(mine, replace(task, path=task.path.parent / "moved.sql"), plan)
    monkeypatch.setattr("rdl.features.kept.table.made_by", lambda: "other code")
    assert fitting_tables(mine, task, plan) == ()
    assert len(tables_of(mine, "active")) == 1


@pytest.mark.parametrize("name", [ABOUT, SUMS, KEYS, VALUES, CODES])
def test__fitting_tables__truncated_file__is_left_out_with_a_warning(home, task, plan, caplog, name):
    mine, place = home
    (place / name).write_bytes((place / name).read_bytes()[:-50])
    with caplog.at_level(logging.WARNING):
        assert fitting_tables(mine, task, plan) == ()
    assert place.name in caplog.text


@pytest.mark.parametrize("name", [VALUES, CODES])
def test__features__altered_block__is_refused(home, name):
    _, place = home
    content = bytearray((place / name).read_bytes())
    content[-3] ^= 4
    (place / name).write_bytes(bytes(content))
    table = FeatureTable.open(place, read_facts(place))
    with pytest.raises(ModelFileError, match="altered"):
        table.features(np.array([0]))
    assert table.facts.rows < BLOCK


def test__materialise__nobody_is_visible__says_so(database, task, plan, tmp_path):
    with pytest.raises(TaskError, match="no row of members is visible"):
        materialise(database, task, plan, FIRST - 400 * DAY, make_history(), tmp_path / "table")
