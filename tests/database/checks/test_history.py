"""What earlier runs leave behind."""

import json

from rdl.database.checks.history import KEPT, recall, remember
from rdl.database.checks.profile import ColumnProfile, Profile


def profiles(rows=1):
    column = ColumnProfile("VARCHAR", "categorical", 1.0, 2, "a", "é", None, ("a", "é"))
    return {"t": Profile(rows, True, 5, 1, 0, {"x": column}), "a/b": Profile(0, False, None, 0, 0, {})}


def test__recall__nothing_remembered(tmp_path):
    found = recall(tmp_path / "history")
    assert (found.profiles, found.past) == (None, ())


def test__recall__what_was_remembered(tmp_path):
    remember(tmp_path / "history", profiles(1), "one", 10)
    remember(tmp_path / "history", profiles(2), "two", 20)
    found = recall(tmp_path / "history")
    assert found.profiles == profiles(2)
    assert [(run.fingerprint, run.read_at, run.rows) for run in found.past] == [
        ("one", 10, {"a/b": 0, "t": 1}),
        ("two", 20, {"a/b": 0, "t": 2}),
    ]


def test__remember__same_database__once_in_a_row(tmp_path):
    for fingerprint in ("one", "one", "two", "one"):
        remember(tmp_path, profiles(), fingerprint, 0)
    assert [run.fingerprint for run in recall(tmp_path).past] == ["one", "two", "one"]


def test__remember__keeps_the_last_ones(tmp_path):
    for i in range(KEPT + 7):
        remember(tmp_path, profiles(i), str(i), i)
    assert [run.read_at for run in recall(tmp_path).past] == list(range(7, KEPT + 7))
    assert len(list(tmp_path.iterdir())) == KEPT + 1


def test__remember__same_runs__same_files(tmp_path):
    for folder in ("a", "b"):
        remember(tmp_path / folder, profiles(), "one", 1)
    names = [sorted(file.name for file in (tmp_path / folder).iterdir()) for folder in ("a", "b")]
    assert names[0] == names[1]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names[0])


def test__recall__damaged_files__are_passed(tmp_path):
    remember(tmp_path, profiles(), "one", 1)
    remember(tmp_path, profiles(), "two", 2)
    (tmp_path / "00000000.json").write_text("{")
    (tmp_path / "profiles.json").write_text(json.dumps({"format": 1, "tables": {"t": {"rows": 1}}}))
    found = recall(tmp_path)
    assert found.profiles is None
    assert [run.fingerprint for run in found.past] == ["two"]
