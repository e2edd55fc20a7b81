"""The same bytes have the same hash; other bytes never do, whatever a clock says."""

import json
import os
import time

import pytest

from rdl.database.sources import content
from rdl.database.sources.content import content_hash, text_hash
from rdl.errors import ProjectError

LARGE = 1 << 20


@pytest.fixture
def large(tmp_path):
    """A large file that was last written an hour ago, as far as any clock can tell."""
    file = tmp_path / "large.parquet"
    file.write_bytes(b"a" * LARGE)
    return file


@pytest.fixture
def later(monkeypatch):
    """An hour passes."""
    now = time.time_ns
    monkeypatch.setattr(content.time, "time_ns", lambda: now() + 3_600_000_000_000)


@pytest.fixture
def hashed(monkeypatch):
    """The files whose bytes are read."""
    read, found = content._hash, []
    monkeypatch.setattr(content, "_hash", lambda file: (found.append(file.name), read(file))[1])
    return found


def test__texts__are_told_apart_by_where_they_end():
    assert text_hash("a", "b") == text_hash("a", "b")
    assert len({text_hash(*t) for t in (("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""), ("a", "1:b"), ("a1:b",))}) == 6


def test__names_and_bytes__make_the_hash_and_places_do_not(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        (folder / "x").write_text("1")
    home = tmp_path / "home"
    assert content_hash({"a": one / "x"}, home) == content_hash({"a": two / "x"}, home)
    assert content_hash({"a": one / "x"}, home) != content_hash({"b": one / "x"}, home)
    (two / "x").write_text("2")
    assert content_hash({"a": one / "x"}, home) != content_hash({"a": two / "x"}, home)


def test__large_file__is_read_once(tmp_path, large, later, hashed):
    first = content_hash({"a": large}, tmp_path)
    assert content_hash({"a": large}, tmp_path) == first
    assert hashed == ["large.parquet"]
    assert [f.name for f in (tmp_path / "database").iterdir()] == ["hashes.json"]


def test__small_file__leaves_nothing_in_the_home(tmp_path, later):
    (tmp_path / "x").write_text("1")
    content_hash({"a": tmp_path / "x"}, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test__file_written_just_now__is_not_trusted(tmp_path, large, hashed):
    stat = large.stat()
    first = content_hash({"a": large}, tmp_path)
    large.write_bytes(b"b" * LARGE)
    os.utime(large, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content_hash({"a": large}, tmp_path) != first
    assert hashed == ["large.parquet"] * 2


def test__change_that_keeps_size_and_time__is_seen(tmp_path, large, later):
    stat = large.stat()
    first = content_hash({"a": large}, tmp_path)
    time.sleep(0.02)
    large.write_bytes(b"b" * LARGE)
    os.utime(large, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content_hash({"a": large}, tmp_path) != first


def test__file_replaced_by_another__is_read_again(tmp_path, large, later):
    first = content_hash({"a": large}, tmp_path)
    other = tmp_path / "other"
    other.write_bytes(b"b" * LARGE)
    other.replace(large)
    assert content_hash({"a": large}, tmp_path) != first


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b'{"PATH": 1}', b'{"PATH": []}', b'{"PATH": [1, 2, 3, 4, "zz"]}', b'{"PATH": ["x"]}', b"\xff"],
)
def test__damaged_memory__is_ignored(tmp_path, large, later, damage):
    first = content_hash({"a": large}, tmp_path)
    place = tmp_path / "database" / "hashes.json"
    place.write_bytes(damage.replace(b"PATH", str(large).encode()))
    assert content_hash({"a": large}, tmp_path) == first
    assert list(json.loads(place.read_text())) == [str(large)]


def test__files_that_are_gone__are_forgotten(tmp_path, large, later):
    content_hash({"a": large}, tmp_path)
    other = large.rename(tmp_path / "other")
    content_hash({"a": other}, tmp_path)
    assert list(json.loads((tmp_path / "database" / "hashes.json").read_text())) == [str(other)]


def test__home_that_cannot_be_written__remembers_nothing(tmp_path, large, later):
    (tmp_path / "home").write_text("a file")
    assert content_hash({"a": large}, tmp_path / "home") == content_hash({"a": large}, tmp_path)


def changing(monkeypatch, file, times):
    """Writes to `file` while it is hashed, the first `times` times."""
    digest, count = content.hashlib.file_digest, [0]

    def slow(stream, kind):
        found = digest(stream, kind)
        count[0] += 1
        if count[0] <= times:
            with file.open("ab") as more:
                more.write(b"x")
        return found

    monkeypatch.setattr(content.hashlib, "file_digest", slow)


def test__file_that_changes_once__is_hashed_again(tmp_path, large, monkeypatch):
    changing(monkeypatch, large, 1)
    found = content_hash({"a": large}, tmp_path)
    monkeypatch.undo()
    assert found == content_hash({"a": large}, tmp_path)


def test__file_that_keeps_changing__is_refused(tmp_path, large, monkeypatch):
    changing(monkeypatch, large, 99)
    with pytest.raises(ProjectError) as error:
        content_hash({"a": large}, tmp_path)
    assert "changes while it is read" in error.value.what
    assert error.value.where == str(large)


def test__missing_file__is_named(tmp_path):
    with pytest.raises(ProjectError) as error:
        content_hash({"a": tmp_path / "gone"}, tmp_path)
    assert "gone" in error.value.what
