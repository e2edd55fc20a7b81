from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database.sources import refresh
from rdl.database.sources.source import Source
from rdl.errors import SchemaError
from rdl.project import TableSettings
from tests.database.sources.memory_feed import MemoryFeed, feed_of, landed, rows_of

START = datetime(2025, 1, 1)
Row = tuple[int, int | None, str]  # id, days after the start of 2025, name


def orders(*rows: Row, key: tuple[str, ...] = ()) -> MemoryFeed:
    at = [None if day is None else START + timedelta(days=day) for _, day, _ in rows]
    feed = feed_of(
        id=pa.array([row[0] for row in rows], pa.int64()),
        at=pa.array(at, pa.timestamp("us")),
        name=pa.array([row[2] for row in rows], pa.string()),
    )
    feed.keys = {"orders": key}
    return feed


def refreshed(feed: MemoryFeed, folder: Path, lookback: str | int = 0, **more: Any) -> Source:
    return landed(feed, folder, orders=TableSettings(**{"watermark": "at", "lookback": lookback, **more}))


def whole(feed: MemoryFeed) -> tuple[object, str]:
    """What a full reload makes of the feed: its rows, and its identity."""
    with TemporaryDirectory() as folder:
        return seen(landed(feed, Path(folder)))


def seen(source: Source) -> tuple[object, str]:
    return rows_of(source), source.identity


def note(source: Source) -> str:
    return source.tables["orders"].note


A, B, C, D = (0, 0, "a"), (1, 1, "b"), (2, 2, "c"), (3, 3, "d")


def test__refresh__appended_rows__only_those_are_read(tmp_path: Path) -> None:
    first = refreshed(orders(A, B, C), tmp_path)
    more = orders(A, B, C, D)
    second = refreshed(more, tmp_path)

    assert note(first) == "3 rows, read whole: it is the first time"
    assert more.reads == [("orders", ("at", datetime(2025, 1, 2, 23, 59, 59, 999_999)))]
    assert note(second) == "2 rows read, at >= 2025-01-02 23:59:59.999999; they replace 1 earlier ones"
    assert seen(second) == whole(more)
    assert second.identity != first.identity


def test__refresh__nothing_new__keeps_every_part(tmp_path: Path) -> None:
    feed = orders(A, B, (2, None, "never"), C)
    first = refreshed(feed, tmp_path)
    second = refreshed(feed, tmp_path)

    assert (second.files, second.identity) == (first.files, first.identity)
    assert note(second).startswith("nothing new (2 rows read")


def test__refresh__parts_below_the_edge__stay_as_they_are(tmp_path: Path) -> None:
    refreshed(orders(A, B), tmp_path)
    second = refreshed(orders(A, B, C), tmp_path)
    third = refreshed(orders(A, B, C, D), tmp_path)

    assert set(second.files) & set(third.files)
    assert seen(third) == whole(orders(A, B, C, D))


@pytest.mark.parametrize(("lookback", "found"), [("3 days", True), ("1 day", False)])
def test__refresh__late_row__is_picked_up_within_the_lookback_only(tmp_path: Path, lookback: str, found: bool) -> None:
    refreshed(orders(A, (1, 10, "b")), tmp_path, lookback)
    source = refreshed(orders(A, (1, 10, "b"), (2, 8, "late")), tmp_path, lookback)

    assert (("2", "2025-01-09 00:00:00", "late") in rows_of(source)) is found


@pytest.mark.parametrize(("gone", "left"), [(0, 3), (1, 2), (2, 2)])
def test__refresh__deleted_row__is_noticed_at_or_above_the_edge(tmp_path: Path, gone: int, left: int) -> None:
    rows = [A, (1, 8, "b"), (2, 10, "c")]
    refreshed(orders(*rows), tmp_path, "3 days")
    source = refreshed(orders(*(row for row in rows if row[0] != gone)), tmp_path, "3 days")

    assert rows_of(source).total() == left


@pytest.mark.parametrize("how", ["enforced", "declared"])
def test__refresh__update_with_a_higher_watermark__replaces_the_row_of_that_key(tmp_path: Path, how: str) -> None:
    key, more = (("id",), {}) if how == "enforced" else ((), {"key": "id"})
    refreshed(orders(A, B, C, key=key), tmp_path, **more)
    refreshed(orders(A, B, C, D, key=key), tmp_path, **more)
    changed = orders((0, 5, "changed"), B, C, D, (4, 4, "new"), key=key)
    source = refreshed(changed, tmp_path, **more)

    assert seen(source) == whole(changed)
    assert note(source).endswith("they replace 2 earlier ones")


def test__refresh__declared_key_that_is_none__replaces_nothing(tmp_path: Path) -> None:
    rows = [(1, 0, "a"), (1, 1, "b"), (2, 2, "c")]
    first = refreshed(orders(*rows), tmp_path, key="id")
    more = orders(*rows, (1, 3, "d"), (2, 4, "e"))

    assert "its declared key is not unique" in note(first)
    assert seen(refreshed(more, tmp_path, key="id")) == whole(more)


def test__refresh__key_that_ceases_to_be_one__is_read_whole(tmp_path: Path) -> None:
    refreshed(orders(A, B), tmp_path, key="id")
    more = orders(A, B, (2, 2, "c"), (2, 3, "c again"))
    source = refreshed(more, tmp_path, key="id")

    assert note(source).startswith("4 rows, read whole: its key is not unique")
    assert seen(source) == whole(more)


def test__refresh__declared_key_of_the_staged_table__is_left_alone(tmp_path: Path) -> None:
    refreshed(orders(A, B), tmp_path, key="order_number")
    more = orders(A, B, C)

    assert seen(refreshed(more, tmp_path, key="order_number")) == whole(more)


def test__refresh__table_that_was_empty__is_read_whole(tmp_path: Path) -> None:
    refreshed(orders(), tmp_path)
    source = refreshed(orders(A), tmp_path)

    assert "it held no watermark before" in note(source)
    assert seen(source) == whole(orders(A))


def test__refresh__table_that_lost_its_last_rows__keeps_one_part(tmp_path: Path) -> None:
    refreshed(orders(A), tmp_path)
    source = refreshed(orders(), tmp_path)

    assert len(source.files) == 1
    assert seen(source) == whole(orders())


def test__refresh__watermark_in_the_future__tells_nothing(tmp_path: Path) -> None:
    future = (1, 2_000_000, "in the year 7500")
    refreshed(orders(A, future), tmp_path)
    source = refreshed(orders(A, future, B), tmp_path)

    assert "its last watermark lies in the future" in note(source)
    assert rows_of(source).total() == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"columns": True}, "its columns changed"),
        ({"watermark": "id"}, "another watermark is declared"),
        ({"watermark": None, "lookback": 0}, "no watermark is declared"),
        ({"key": "id"}, "another key is declared"),
        ({"missing": True}, "files of its last snapshot are missing"),
    ],
)
def test__refresh__what_was_landed_otherwise__is_read_whole(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    first = refreshed(orders(A, B), tmp_path)
    feed = orders(A, B, C)
    if change.pop("columns", False):
        feed.types = {"orders": {"id": "INTEGER", "at": "TIMESTAMP", "name": "VARCHAR"}}
    if change.pop("missing", False):
        first.files[0].unlink()
    source = refreshed(feed, tmp_path, **change)

    assert note(source).startswith(f"3 rows, read whole: {reason}")
    assert seen(source) == whole(feed)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (TableSettings(watermark="flag"), "BOOLEAN, which has no order"),
        (TableSettings(watermark="name", lookback=1), "no distance between texts"),
        (TableSettings(watermark="nome"), "no column 'nome'"),
        (TableSettings(watermark="at", lookback="3 moons"), "not a duration"),
        (TableSettings(watermark="at", lookback=3), "not a duration"),
        (TableSettings(watermark="id", lookback="3 days"), "no distance between numbers"),
        (TableSettings(watermark="id", lookback=-3), "no distance between numbers"),
    ],
)
def test__refresh__wrong_watermark__is_refused_with_its_place(tmp_path: Path, settings: TableSettings, match: str) -> None:
    feed = orders(A)
    feed.types = {"orders": {**feed.types["orders"], "flag": "BOOLEAN"}}
    with pytest.raises(SchemaError, match=match) as caught:
        landed(feed, tmp_path, orders=settings)
    assert "[tables.orders]" in caught.value.where
    assert caught.value.fix


def test__refresh__many_small_parts__are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "_MANY", 4)
    rows: list[Row] = []
    for day in range(12):
        rows.append((day, day, "x"))
        source = refreshed(orders(*rows), tmp_path)
        assert len(source.files) <= 5
        assert seen(source) == whole(orders(*rows))


# an Arrow type, the value of a step, and a look-back of two steps or more
KINDS: dict[str, tuple[pa.DataType, Callable[[int], object], str | int]] = {
    "integer": (pa.int64(), lambda i: i, 2),
    "decimal": (pa.decimal128(12, 2), lambda i: Decimal(i) / 2, 1),
    "double": (pa.float64(), lambda i: i / 10, 1),
    "float": (pa.float32(), lambda i: i / 10, 1),
    "date": (pa.date32(), lambda i: date(2025, 1, 1) + timedelta(days=i), "3 days"),
    "timestamp": (pa.timestamp("us"), lambda i: START + timedelta(seconds=i), "3 seconds"),
    "nanoseconds": (pa.timestamp("ns"), lambda i: 1_700_000_000_000_000_000 + 700 * i, "2 us"),
    "text": (pa.string(), lambda i: f"{i:04} Zoë 日本 '\"", 0),
    "zoned": (pa.timestamp("us", "UTC"), lambda i: START.replace(tzinfo=UTC) + timedelta(hours=i), "3 hours"),
}


class Ledger:
    """A source that changes within the rules: rows are appended, come late within the look-back, or are updated under their key."""

    def __init__(self, kind: str, keyed: bool) -> None:
        self.kind, self.keyed = kind, keyed
        self.rows: dict[int, tuple[int | None, str]] = {}

    def feed(self, order: Sequence[int]) -> MemoryFeed:
        of, value, _ = KINDS[self.kind]
        ids = [i for i in order if i in self.rows] + [i for i in self.rows if i not in order]
        marks = [self.rows[i][0] for i in ids]
        feed = feed_of(
            id=pa.array(ids, pa.int64()),
            at=pa.array([None if mark is None else value(mark) for mark in marks], of),
            name=pa.array([self.rows[i][1] for i in ids], pa.string()),
        )
        feed.keys = {"orders": ("id",) if self.keyed else ()}
        feed.batch = 3
        return feed

    def change(self, action: str, which: int, step: int, floor: int) -> None:
        mark = {"append": self.high + step, "late": max(self.high - step, floor), "null": None, "update": self.high + step}[action]
        row = which % max(len(self.rows), 1) if action == "update" and self.keyed else len(self.rows)
        self.rows[row] = (mark, f"{action} {step}")

    @property
    def high(self) -> int:
        return max((mark for mark, _ in self.rows.values() if mark is not None), default=0)


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["append", "late", "null", "update"]), st.integers(0, 50), st.integers(0, 3)), max_size=6
)


@pytest.mark.slow
@settings(max_examples=20)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    keyed=st.booleans(),
    runs=st.lists(ACTIONS, min_size=2, max_size=5),
    order=st.permutations(range(12)),
)
def test__refresh__source_that_keeps_its_word__equals_a_full_reload(
    kind: str, keyed: bool, runs: list[list[tuple[str, int, int]]], order: list[int]
) -> None:
    ledger = Ledger(kind, keyed)
    with TemporaryDirectory() as folder:
        for number, actions in enumerate(runs):
            floor = ledger.high - (2 if KINDS[kind][2] else 0)  # every look-back above reaches two steps back
            for action, which, step in actions:
                ledger.change(action, which, step, floor)
            feed = ledger.feed(order)
            source = refreshed(feed, Path(folder), KINDS[kind][2])
            assert seen(source) == whole(ledger.feed(order[::-1]))
            assert number == 0 or feed.reads != [("orders", None)] or "no watermark before" in note(source)
