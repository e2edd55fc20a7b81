import errno
import os

from hypothesis import given
from hypothesis import strategies as st

from rdl.pipeline.publish import publish

NAMES = st.sampled_from(["a", "b", "d/a", "d/e/c"])
TREES = st.dictionaries(NAMES, st.binary(max_size=5), max_size=4)


def write(folder, tree):
    for name, content in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def read(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@given(TREES, TREES)
def test__publish__any_trees__new_files_win_and_others_stay(tmp_path_factory, old, new):
    root = tmp_path_factory.mktemp("p", numbered=True)
    (root / "aside").mkdir()
    write(root / "place", old)
    write(root / "aside", new)
    paths = publish(root / "aside", root / "place")
    assert read(root / "place") == {**old, **new}
    assert paths == tuple(sorted(root / "place" / name for name in new))


def test__publish__new_place__appears_in_one_rename(tmp_path, monkeypatch):
    moves = []
    monkeypatch.setattr(os, "replace", lambda a, b, real=os.replace: (moves.append((a, b)), real(a, b)))
    write(tmp_path / "aside", {"a": b"1", "d/b": b"2"})
    publish(tmp_path / "aside", tmp_path / "x" / "place")
    assert moves == [(tmp_path / "aside", tmp_path / "x" / "place")]


def test__publish__another_file_system__copied_near_then_moved(tmp_path, monkeypatch):
    def refuse(a, b, real=os.replace):
        if os.fspath(a).startswith(str(tmp_path / "aside")):
            raise OSError(errno.EXDEV, "cross-device")
        real(a, b)

    monkeypatch.setattr(os, "replace", refuse)
    write(tmp_path / "aside", {"a": b"1", "d/b": b"2"})
    publish(tmp_path / "aside", tmp_path / "place")
    assert read(tmp_path / "place") == {"a": b"1", "d/b": b"2"}
