"""A graph on disk is the graph in memory, or a typed error."""

import json
import os

import numpy as np
import pytest
from hypothesis import given

from rdl.errors import GraphError
from rdl.graph import GraphStore, NodeTable, Sampler, files
from rdl.graph.files import written_aside
from rdl.graph.tables import TOKENS
from rdl.task import Seeds
from rdl.timeline import ALWAYS, NEVER
from tests.graph.worlds import worlds

EDGE = ("orders", "customer", "customers")


def shop():
    orders = NodeTable.of(
        [1, 2, 2, NEVER],
        {
            "numeric": {"price": [1.5, np.nan, np.inf, 1e300], "paid": [1, 0, 0, 1]},
            "category": {"status": [7, 0, 7, 9]},
            "timestamp": {"shipped": [5, NEVER, 6, 7]},
            "text": {"note": np.zeros((4, TOKENS))},
            "vector": {"look": [[1, 2], [3, 4], [np.nan, np.nan], [0, 0]], "sound": [[1], [2], [3], [4]]},
        },
    )
    return GraphStore.from_arrays({"customers": NodeTable.of([ALWAYS] * 2), "orders": orders}, {EDGE: [0, -1, 1, 0]}, "key")


def same(a, b):
    assert a.key == b.key
    assert a.metadata() == b.metadata()
    for name, table in a.tables.items():
        assert b.tables[name].names == table.names
        assert b.tables[name].infinite == table.infinite
        for kind, array in table.arrays().items():
            np.testing.assert_array_equal(b.tables[name].arrays()[kind], array)
    for x, y in zip(a.links, b.links, strict=True):
        assert (x.upward, x.place) == (y.upward, y.place)
        np.testing.assert_array_equal(x.csc.offsets, y.csc.offsets)
        np.testing.assert_array_equal(x.csc.rows, y.csc.rows)


def test__metadata__names_both_directions_as_pyg_does():
    assert shop().metadata() == (["customers", "orders"], [EDGE, ("customers", "rev_customer", "orders")])


def test__infinities__become_nan_and_are_counted():
    orders = shop().tables["orders"]
    assert np.isnan(orders.numeric[:, 0]).tolist() == [False, True, True, True]
    assert orders.infinite == {"price": 2}


def test__round_trip__a_shop__is_the_same_and_read_only(tmp_path):
    opened = shop().save(tmp_path / "graph")
    same(shop(), opened)
    same(shop(), GraphStore.open(tmp_path / "graph", verify=True))
    with pytest.raises(ValueError, match="read-only"):
        opened.tables["orders"].time[0] = 9


@given(worlds())
def test__round_trip__any_world__is_the_same(tmp_path_factory, world):
    folder = tmp_path_factory.mktemp("graph") / "g"
    same(world.store(), world.store().save(folder))


def test__saving__twice__gives_the_same_bytes(tmp_path):
    for name in ("a", "b", "a"):
        shop().save(tmp_path / name)
    files = {p.name: p.read_bytes() for p in (tmp_path / "a").glob("[!.]*")}
    assert files == {p.name: p.read_bytes() for p in (tmp_path / "b").glob("[!.]*")}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test__saving__dies_half_way__leaves_the_last_good_one(tmp_path):
    shop().save(tmp_path / "graph")

    def die():
        with written_aside(tmp_path / "graph") as aside:
            (aside / "half").write_text("written")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        die()
    same(shop(), GraphStore.open(tmp_path / "graph", verify=True))
    assert [p.name for p in tmp_path.iterdir()] == ["graph"]


def test__opening__any_file_truncated_or_missing__is_refused(tmp_path):
    for i, path in enumerate(sorted(shop().save(tmp_path / "good").folder.glob("[!.]*"))):
        for cut in ("half", "gone"):
            folder = tmp_path / f"{i}{cut}"
            shop().save(folder)
            broken = folder / path.name
            broken.write_bytes(path.read_bytes()[: path.stat().st_size // 2]) if cut == "half" else broken.unlink()
            with pytest.raises(GraphError, match="where:"):
                GraphStore.open(folder)


def test__opening__any_byte_altered__is_refused_when_verified(tmp_path):
    for i, path in enumerate(sorted(shop().save(tmp_path / "good").folder.glob("[!.]*"))):
        shop().save(tmp_path / str(i))
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        (tmp_path / str(i) / path.name).write_bytes(raw)
        with pytest.raises(GraphError):
            GraphStore.open(tmp_path / str(i), verify=True)


def test__opening__verified_before__reads_only_what_was_written_since(tmp_path, monkeypatch):
    folder = shop().save(tmp_path / "graph").folder
    for path in folder.glob("*.npy"):
        os.utime(path, (1e9, 1e9))
    GraphStore.open(folder, verify=True)
    read, compute = [], files._sha256
    monkeypatch.setattr(files, "_sha256", lambda path: (read.append(path.name), compute(path))[1])
    GraphStore.open(folder, verify=True)
    assert read == []
    (folder / "table001.time.npy").touch()
    GraphStore.open(folder, verify=True)
    assert read == ["table001.time.npy"]


def test__opening__meta_altered_or_of_another_format__is_refused(tmp_path):
    meta = shop().save(tmp_path / "graph").folder / "meta.json"
    good = json.loads(meta.read_text())
    for change, message in (({"key": "other"}, "altered"), ({"format": 99}, "format 99")):
        meta.write_text(json.dumps({**good, **change}))
        with pytest.raises(GraphError, match=message):
            GraphStore.open(tmp_path / "graph")
    for text in ("[]", "{", "\xff"):
        meta.write_text(text, encoding="latin-1")
        with pytest.raises(GraphError, match="not readable"):
            GraphStore.open(tmp_path / "graph")


def test__opening__a_pickle__is_refused(tmp_path):
    folder = shop().save(tmp_path / "graph").folder
    size = (folder / "table001.time.npy").stat().st_size
    np.save(folder / "table001.time.npy", np.array([{}] * 3, object), allow_pickle=True)
    raw = (folder / "table001.time.npy").read_bytes()
    (folder / "table001.time.npy").write_bytes(raw[:size].ljust(size, b"\0"))
    with pytest.raises(GraphError):
        GraphStore.open(folder)


def test__sampling__from_a_disordered_file__is_refused(tmp_path):
    folder = shop().save(tmp_path / "graph").folder
    np.save(folder / "link000.rows.npy", np.array([3, 0, 2], np.int32))
    with pytest.raises(GraphError, match=r"orders\.customer -> customers"):
        Sampler(GraphStore.open(folder), "customers", [1])


def test__sampling__from_files_and_from_arrays__is_the_same(tmp_path):
    seeds = Seeds.at(np.array([0, 1]), np.array([2, 3]))
    a = Sampler(shop(), "customers", [-1, -1]).sample(seeds)
    b = Sampler(shop().save(tmp_path / "graph"), "customers", [-1, -1]).sample(seeds)
    assert {t: r.tolist() for t, r in a.nodes.items()} == {t: r.tolist() for t, r in b.nodes.items()}


@pytest.mark.parametrize(
    ("tables", "references", "message"),
    [
        ({"a": NodeTable.of([2, 1])}, {}, "row 1 is earlier"),
        ({"a": NodeTable.of([1])}, {("a", "c", "b"): [0]}, "no table 'b'"),
        ({"a": NodeTable.of([1])}, {("a", "c", "a"): [1]}, "row 1 of a table of 1 rows"),
        ({"a": NodeTable.of([1])}, {("a", "c", "a"): [2**40]}, "row 1099511627776"),
        ({"a": NodeTable.of([1])}, {("a", "c", "a"): [0, 0]}, r"\[2\] keys for 1 rows"),
        ({"a": NodeTable.of([1])}, {("a", "x", "a"): [0], ("a", "rev_x", "a"): [0]}, "same edge type"),
    ],
)
def test__from_arrays__what_does_not_fit__is_refused(tables, references, message):
    with pytest.raises(GraphError, match=message):
        GraphStore.from_arrays(tables, references)
