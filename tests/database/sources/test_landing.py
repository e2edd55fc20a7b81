import json
import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from rdl.database.sources import snapshot as snapshots
from rdl.database.sources.landing import land
from rdl.errors import ProjectError, SchemaError
from rdl.project import TableSettings
from tests.database.sources.memory_feed import MemoryFeed, a_project, feed_of, landed, rows_of, types_of

NUMBERS = pa.array([3, 1, 2, None])
NAMES = pa.array(["c", "a", None, "d;'\"%"])


def home(folder: Path) -> Path:
    (found,) = (folder / "home" / "landing").iterdir()
    return found


def names(folder: Path) -> set[str]:
    return {path.name for path in home(folder).iterdir()}


def test__land__rows__are_read_back_in_the_stated_types(tmp_path: Path) -> None:
    source = landed(feed_of(n=NUMBERS, name=NAMES), tmp_path)

    assert rows_of(source) == {("3", "c"): 1, ("1", "a"): 1, ("2", None): 1, (None, "d;'\"%"): 1}
    assert types_of(source) == {"n": "BIGINT", "name": "VARCHAR"}
    table = source.tables["orders"]
    assert table.parquet
    assert table.files == source.files
    assert all(file.is_file() for file in source.files)
    assert table.note == "4 rows, read whole: no watermark is declared"


def test__land__values__are_cast_to_the_stated_types(tmp_path: Path) -> None:
    feed = MemoryFeed(
        {
            "orders": pa.table(
                {"amount": ["1.50", None], "at": ["2025-01-01 10:00:00", "2025-01-02"], "n": ["7", "8"], "id": [1, 2]}
            )
        },
        {"orders": {"amount": "DECIMAL(10,2)", "at": "TIMESTAMP", "n": "INTEGER", "id": "VARCHAR"}},
    )
    source = landed(feed, tmp_path)

    assert types_of(source) == {"amount": "DECIMAL(10,2)", "at": "TIMESTAMP", "n": "INTEGER", "id": "VARCHAR"}
    assert ("1.50", "2025-01-01 10:00:00", "7", "1") in rows_of(source)


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("BIGINT", ["12", "twelve"], "'twelve'"),
        ("BIGINT", ["12", "1.5"], "'1.5'"),
        ("INTEGER", [1.0, 2.5], "'2.5'"),
        ("SMALLINT", [1, 70_000], "'70000'"),
        ("TIMESTAMP", ["2025-01-01", "2025-02-30"], "'2025-02-30'"),
        ("DECIMAL(4,2)", [Decimal("1.00"), Decimal("123.45")], "'123.45'"),
        ("BOOLEAN", ["true", "line\nbreak \"quoted\" 'twice'"], "line"),
    ],
)
def test__land__value_that_does_not_fit__is_named(tmp_path: Path, kind: str, values: list[object], shown: str) -> None:
    feed = MemoryFeed({"orders": pa.table({"the amount": values})}, {"orders": {"the amount": kind}})

    with pytest.raises(SchemaError) as caught:
        landed(feed, tmp_path)
    assert shown in caught.value.what
    assert f"is no {kind}" in caught.value.what
    assert caught.value.where == "table orders, column the amount"
    assert names(tmp_path) == set()


def test__land__text_that_is_no_utf8__is_refused(tmp_path: Path) -> None:
    broken = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())

    with pytest.raises(SchemaError, match="not valid UTF-8"):
        landed(feed_of(name=broken), tmp_path)


def test__land__no_rows__keeps_the_types(tmp_path: Path) -> None:
    source = landed(feed_of(n=pa.array([], pa.int64()), at=pa.array([], pa.timestamp("us"))), tmp_path)

    assert types_of(source) == {"n": "BIGINT", "at": "TIMESTAMP"}
    assert rows_of(source) == {}
    assert len(source.files) == 1


def test__land__huge_integers__are_kept_to_the_last_digit(tmp_path: Path) -> None:
    value = "12345678901234567890123456789012345678"
    source = landed(MemoryFeed({"orders": pa.table({"n": [value]})}, {"orders": {"n": "HUGEINT"}}), tmp_path)

    assert rows_of(source) == {(value,): 1}
    assert types_of(source) == {"n": "DECIMAL(38,0)"}


def test__land__odd_names__work(tmp_path: Path) -> None:
    names = ["order", 'a"b', "a;b--", "../../x", "日本 語", "filename", "Ä" * 300]
    rows = pa.table({name: [1] for name in names})
    feed = MemoryFeed(dict.fromkeys(names, rows), {name: dict.fromkeys(names, "BIGINT") for name in names})
    source = landed(feed, tmp_path)

    for name in names:
        assert rows_of(source, name) == {("1",) * len(names): 1}
    assert {file.parent for file in source.files} == {home(tmp_path)}


def test__identity__order_and_batches_of_delivery__do_not_matter(tmp_path: Path) -> None:
    n = list(range(5000))
    first = feed_of(n=pa.array(n), name=pa.array([str(i % 7) for i in n]))
    random.Random(3).shuffle(n)
    second = feed_of(n=pa.array(n), name=pa.array([str(i % 7) for i in n]))
    second.batch = 7

    assert landed(first, tmp_path / "a").identity == landed(second, tmp_path / "b").identity


@pytest.mark.parametrize(
    "other",
    [
        {"n": pa.array([1, 2, 2]), "m": pa.array([10, 20, 20])},  # a row twice
        {"n": pa.array([2, 1]), "m": pa.array([10, 20])},  # values swapped between rows
        {"n": pa.array([10, 20]), "m": pa.array([1, 2])},  # and between columns
        {"n": pa.array([1, 2]), "m": pa.array([10, None])},
        {"m": pa.array([1, 2]), "n": pa.array([10, 20])},  # another order of columns
        {"n": pa.array([1, 2]), "k": pa.array([10, 20])},  # another name
        {"n": pa.array([1, 2]), "m": pa.array([10.0, 20.0])},  # another type
    ],
)
def test__identity__anything_else__matters(tmp_path: Path, other: dict[str, pa.Array]) -> None:
    first = landed(feed_of(n=pa.array([1, 2]), m=pa.array([10, 20])), tmp_path / "a")

    assert landed(feed_of(**other), tmp_path / "b").identity != first.identity


def test__land__same_rows_again__keeps_the_parts(tmp_path: Path) -> None:
    first = landed(feed_of(n=NUMBERS, name=NAMES), tmp_path)
    before = {file: file.stat().st_mtime_ns for file in first.files}
    second = landed(feed_of(n=NUMBERS[::-1], name=NAMES[::-1]), tmp_path)

    assert (second.files, second.identity) == (first.files, first.identity)
    assert {file: file.stat().st_mtime_ns for file in second.files} == before
    assert names(tmp_path) == {"snapshot.json", *(file.name for file in first.files)}
    assert "nothing changed" in second.tables["orders"].note


def test__land__retired_parts__stay_untouched_for_two_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, day = time.time(), 86_400.0
    first = landed(feed_of(n=pa.array([1])), tmp_path)
    written = [file.stat().st_mtime_ns for file in first.files]
    monkeypatch.setattr(snapshots.time, "time", lambda: start + 10 * day)
    second = landed(feed_of(n=pa.array([2])), tmp_path)
    monkeypatch.setattr(snapshots.time, "time", lambda: start + 11 * day)
    third = landed(feed_of(n=pa.array([3])), tmp_path)
    assert [file.stat().st_mtime_ns for file in first.files] == written

    monkeypatch.setattr(snapshots.time, "time", lambda: start + 12.5 * day)
    fourth = landed(feed_of(n=pa.array([4])), tmp_path)

    assert not any(file.is_file() for file in first.files)
    assert all(file.is_file() for file in (*second.files, *third.files, *fourth.files))


def test__land__table_gone_from_the_source__is_gone(tmp_path: Path) -> None:
    types = {"n": "BIGINT"}
    both = MemoryFeed({"a": pa.table({"n": [1]}), "b": pa.table({"n": [2]})}, {"a": types, "b": types})
    landed(both, tmp_path)

    assert set(landed(MemoryFeed(both.rows, {"a": types}), tmp_path).tables) == {"a"}


class FailingFeed(MemoryFeed):
    """Goes away after its first batch."""

    def batches(self, rows: pa.Table) -> Iterator[pa.RecordBatch]:
        yield rows.to_batches()[0]
        raise ConnectionResetError("server at postgresql://ann:hunter2@db/shop is gone")


def test__land__feed_fails_midway__leaves_the_last_snapshot_in_place(tmp_path: Path) -> None:
    first = landed(feed_of(n=NUMBERS), tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in home(tmp_path).iterdir()}
    failing = FailingFeed({"orders": pa.table({"n": [9]})}, {"orders": {"n": "BIGINT"}})

    with pytest.raises(ProjectError) as caught:
        landed(failing, tmp_path)
    assert "ConnectionResetError" in caught.value.what
    assert "hunter2" not in str(caught.value)
    assert caught.value.where == "table orders"
    assert {path.name: path.stat().st_mtime_ns for path in home(tmp_path).iterdir()} == before
    assert landed(feed_of(n=NUMBERS), tmp_path).files == first.files


def test__land__feed_that_cannot_be_opened__is_a_typed_error(tmp_path: Path) -> None:
    def open_feed() -> MemoryFeed:
        raise OSError("no route to host, password=hunter2")

    with pytest.raises(ProjectError, match="no route to host") as caught:
        landed(open_feed, tmp_path)
    assert "hunter2" not in str(caught.value)


def test__land__errors_of_ours__pass_as_they_are(tmp_path: Path) -> None:
    class Refusing(MemoryFeed):
        def batches(self, rows: pa.Table) -> Iterator[pa.RecordBatch]:
            raise SchemaError("mine")
            yield

    with pytest.raises(SchemaError, match="mine"):
        landed(Refusing({"orders": pa.table({"n": [9]})}, {"orders": {"n": "BIGINT"}}), tmp_path)


def test__land__broken_snapshot__is_read_past(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = landed(feed_of(n=NUMBERS), tmp_path)
    for text in ("", "{", "[]", '{"format": 1}', json.dumps({"format": 1, "duckdb": "x", "tables": {}})):
        (home(tmp_path) / "snapshot.json").write_text(text)
        with caplog.at_level(logging.INFO):
            assert landed(feed_of(n=NUMBERS), tmp_path).identity == first.identity
        assert "are read whole" in caplog.text
        caplog.clear()


def test__land__part_that_is_missing__is_written_again(tmp_path: Path) -> None:
    first = landed(feed_of(n=NUMBERS), tmp_path)
    first.files[0].unlink()

    assert rows_of(landed(feed_of(n=NUMBERS), tmp_path)) == {("1",): 1, ("2",): 1, ("3",): 1, (None,): 1}


def test__land__names_that_differ_in_case__are_refused(tmp_path: Path) -> None:
    types = {"Orders": {"n": "BIGINT"}, "orders": {"n": "BIGINT"}}

    with pytest.raises(SchemaError, match="'Orders' and 'orders'"):
        landed(MemoryFeed({}, types), tmp_path)


def test__land__no_table__is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="holds no table"):
        landed(MemoryFeed({}, {}), tmp_path)


def test__land__column_that_the_stream_lacks__is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="lacks the column 'm'"):
        landed(MemoryFeed({"orders": pa.table({"n": [1]})}, {"orders": {"n": "BIGINT", "m": "BIGINT"}}), tmp_path)


def test__land__abandoned_folders__are_removed_and_those_in_use_stay(tmp_path: Path) -> None:
    landed(feed_of(n=NUMBERS), tmp_path)
    for name in ("dead.tmp", "busy.tmp"):
        (home(tmp_path) / name).mkdir()
        (home(tmp_path) / name / "data_0.parquet").write_text("half")
    for path in (home(tmp_path) / "dead.tmp", home(tmp_path) / "dead.tmp" / "data_0.parquet"):
        os.utime(path, (time.time() - 3 * 86_400,) * 2)
    landed(feed_of(n=pa.array([5])), tmp_path)

    assert not (home(tmp_path) / "dead.tmp").exists()
    assert (home(tmp_path) / "busy.tmp" / "data_0.parquet").is_file()


def test__land__two_at_once__leave_a_whole_snapshot_and_both_sources_readable(tmp_path: Path) -> None:
    found = {}

    def run(value: int) -> None:
        for _ in range(4):
            found[value] = landed(feed_of(n=pa.array([value] * 100)), tmp_path)

    threads = [threading.Thread(target=run, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for value in (1, 2):
        assert rows_of(found[value]) == {(str(value),): 100}
    assert len(snapshots.read_snapshot(home(tmp_path)).tables) == 1
    assert not list(home(tmp_path).glob("*.tmp"))


def test__land__parts_with_the_same_rows__are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rdl.database.sources.parts._GROUPS", 1)
    source = landed(feed_of(n=pa.array([7] * 300_000)), tmp_path)

    assert len(source.files) > 1
    assert rows_of(source) == {("7",): 300_000}


def test__land__unwritable_home__is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    with pytest.raises(ProjectError, match="cannot write the project's home"):
        landed(feed_of(n=NUMBERS), tmp_path)


def test__land__watermark_of_a_table_that_is_not_declared_in_full__is_checked(tmp_path: Path) -> None:
    feed = feed_of(n=NUMBERS, at=pa.array([datetime(2025, 1, 1)] * 4, pa.timestamp("us")))

    with pytest.raises(SchemaError, match="no column 'att'") as caught:
        land(feed, a_project(tmp_path, orders=TableSettings(watermark="att")), "memory")
    assert caught.value.fix == "did you mean 'at'?"
