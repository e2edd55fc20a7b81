"""Rows that are dealt out: every bucket has its own, in their order, from memory as from a file; and nothing of them stays."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from rdl.errors import RdlError
from rdl.features import compute_features
from rdl.features.engine import spill
from rdl.features.engine.spill import deal_out
from rdl.features.matrix import compute_parts
from tests.features import worlds
from tests.features.test_matrix import history_of, plan_of, same, seeds_of


def rows_of(seed, n=500):
    """Fact rows with keys of both signs, nulls among numbers and texts."""
    rng = np.random.default_rng(seed)
    known = rng.random(n) < 0.8
    columns = {
        "_key": rng.integers(-5, 90, n),
        "_time": rng.integers(0, 99, n),
        "_row": np.arange(n),
        "v0": pa.array(rng.normal(size=n), mask=~known),
        "v1": rng.integers(0, 2, n).astype(np.int8),
        "n0": pa.array([f"{i % 7}" * (i % 4) if k else None for i, k in enumerate(known)]),
    }
    return pa.table(columns)


def dealt(table, count, folder, natives=("n0",)):
    def batches(_sql, size):
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(size))

    return deal_out(SimpleNamespace(batches=batches, temp=folder), "", count, np.dtype(np.int32), ["v0", "v1"], natives)


@pytest.mark.parametrize("room", [0, 3000, 2**28])
@pytest.mark.parametrize("count", [1, 3, 200])
def test__deal_out__any_room__buckets_hold_their_rows_in_order(tmp_path, monkeypatch, room, count):
    monkeypatch.setattr(spill, "ROOM", room)
    monkeypatch.setattr(spill, "RUN", 64)
    table = rows_of(count)
    found = dealt(table, count, tmp_path)
    key = table["_key"].to_numpy()
    for bucket in range(count):
        columns, own = found.read(bucket)
        wanted = table.filter(pa.array(key % count == bucket))
        assert (columns["_key"] * count + bucket).tolist() == wanted["_key"].to_pylist()
        for name in ("_time", "_row", "v0", "v1"):
            assert np.array_equal(columns[name], wanted[name].to_numpy().astype(columns[name].dtype), equal_nan=name == "v0")
        assert own["n0"].to_pylist() == wanted["n0"].to_pylist()
    assert not list(tmp_path.iterdir())
    found.close()


def test__deal_out__no_such_folder__says_where(tmp_path, monkeypatch):
    monkeypatch.setattr(spill, "ROOM", 0)
    with pytest.raises(RdlError, match="kept aside") as error:
        dealt(rows_of(0), 3, tmp_path / "none")
    assert error.value.where == str(tmp_path / "none")


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 2**32])
def test__compute_parts__small_buckets_from_files__same_bits(tmp_path, monkeypatch, kept):
    world, seeds = worlds.make(11, users=9), seeds_of(11, 9, n=40)
    with world.engine(tmp_path) as engine:
        plan = plan_of(world, engine)
        whole = compute_features(plan, engine, seeds, history_of(world))
        for name, value in (("spill.ROOM", 0), ("buckets.BYTES_A_BUCKET", 600), ("buckets.BYTES_KEPT", kept), ("buckets.FEW", 0)):
            monkeypatch.setattr(f"rdl.features.engine.{name}", value)
        for index, part in compute_parts(plan, engine, seeds, history_of(world), most=13):
            same(whole[index], part)
