"""Arrow files, in either format, are read batch by batch and again with every query."""

import decimal

import pyarrow as pa
import pytest
from pyarrow import feather, ipc

from rdl.errors import ProjectError, SchemaError
from tests.database.sources.reading import files, reading

TABLE = pa.table({"a": list(range(10_000)), "b": [f"é{i}" for i in range(10_000)]})


def write(path, table=TABLE, stream=False, rows=1000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with (ipc.new_stream if stream else ipc.new_file)(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("suffix", ["arrow", "feather", "ipc", "ARROW"])
def test__files_and_streams__are_read_in_their_order_again_and_again(tmp_path, stream, suffix):
    write(tmp_path / "data" / f"t.{suffix}", stream=stream)
    with reading("data", tmp_path) as found:
        assert found.types("t") == {"a": "BIGINT", "b": "VARCHAR"}
        assert [a for (a,) in found.rows("t", "a")] == list(range(10_000))
        assert found.rows("t", "count(*), sum(a), max(length(b))") == [(10_000, 49_995_000, 5)]
        joined = "(SELECT count(*) FROM memory.raw.t x JOIN memory.raw.t y USING (a) WHERE x.b = y.b)"
        assert found.rows("t", f"DISTINCT {joined}") == [(10_000,)]


def test__feather_2__is_read(tmp_path):
    (tmp_path / "data").mkdir()
    feather.write_feather(TABLE, str(tmp_path / "data" / "t.feather"), compression="zstd")
    with reading("data", tmp_path) as found:
        assert found.rows("t", "max(a)") == [(9999,)]


@pytest.mark.parametrize("streams", [(False, False), (True, False), (True, True)])
def test__parts__are_united_by_name_in_the_order_of_their_paths(tmp_path, streams):
    write(tmp_path / "data" / "t" / "1.arrow", pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}), streams[0])
    write(tmp_path / "data" / "t" / "k" / "2.arrow", pa.table({"c": [None], "a": pa.array([2.5])}), streams[1])
    with reading("data", tmp_path) as found:
        assert found.types("t") == {"a": "DOUBLE", "b": "VARCHAR", "c": "VARCHAR"}
        assert found.rows("t", "a, b, c") == [(1.0, "x", None), (2.5, None, None)]


@pytest.mark.parametrize("stream", [False, True])
def test__dictionaries__hold_in_every_batch(tmp_path, stream):
    for i in range(2):
        words = pa.chunked_array([pa.array([f"x{i}", "y", None]).dictionary_encode()])
        write(tmp_path / "data" / "t" / f"{i}.arrow", pa.table({"a": words}), stream)
    with reading("data", tmp_path) as found:
        assert found.rows("t") == [("x0",), ("y",), (None,), ("x1",), ("y",), (None,)]


def test__types_that_duckdb_knows__keep_their_values(tmp_path):
    table = pa.table(
        {
            "d": pa.array([decimal.Decimal("12345678901234567890.12")], pa.decimal128(38, 2)),
            "z": pa.array([0], pa.timestamp("us", "Europe/Zurich")),
            "l": pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2)),
            "s": pa.array([{"x": 1}], pa.struct({"x": pa.int8()})),
            "v": pa.array(["é" * 1_000_000], pa.string_view()),
        }
    )
    write(tmp_path / "data" / "t.arrow", table)
    with reading("data", tmp_path) as found:
        assert found.types("t") | {"v": ""} == {
            "d": "DECIMAL(38,2)",
            "z": "TIMESTAMP WITH TIME ZONE",
            "l": "FLOAT[2]",
            "s": "STRUCT(x TINYINT)",
            "v": "",
        }
        assert found.rows("t", "d, epoch_us(z), l[2], s.x, length(v)") == [
            (decimal.Decimal("12345678901234567890.12"), 0, 2.0, 1, 1_000_000)
        ]


@pytest.mark.parametrize("type_", [pa.float16(), pa.decimal256(60, 2)])
def test__type_that_duckdb_does_not_know__is_named(tmp_path, type_):
    write(tmp_path / "data" / "t.arrow", pa.schema([("ok", pa.int8()), ("odd", type_)]).empty_table())
    with pytest.raises(SchemaError) as error, reading("data", tmp_path):
        pass
    assert "'odd'" in error.value.what
    assert str(type_) in error.value.what
    assert error.value.where.endswith("t.arrow")
    assert "float32" in error.value.fix


@pytest.mark.parametrize("data", [b"", b"hello", b"ARROW1\0\0 and no more", b"\xff\xff\xff\xff\x10\0\0\0"])
def test__what_is_no_arrow__is_refused(tmp_path, data):
    with pytest.raises(SchemaError) as error, reading("data", files(tmp_path, {"data/t.arrow": data})):
        pass
    assert "not readable as Arrow" in error.value.what
    assert error.value.where.endswith("t.arrow")


def test__feather_1__is_refused_with_the_fix(tmp_path):
    with pytest.raises(SchemaError) as error, reading("data", files(tmp_path, {"data/t.feather": b"FEA1"})):
        pass
    assert "version 1" in error.value.what
    assert "version 2" in error.value.fix


@pytest.mark.parametrize("together", [True, False])
def test__columns_that_differ_in_case_only__are_refused(tmp_path, together):
    write(tmp_path / "data" / "t" / "1.arrow", pa.table({"a": [1], "A" if together else "b": [2]}))
    write(tmp_path / "data" / "t" / "2.arrow", pa.table({"A": [1]}))
    with pytest.raises(SchemaError) as error, reading("data", tmp_path):
        pass
    assert "one name: 'a' and 'A'" in error.value.what


def test__parts_of_types_that_do_not_go_together__are_refused(tmp_path):
    write(tmp_path / "data" / "t" / "1.arrow", pa.table({"a": [1]}))
    write(tmp_path / "data" / "t" / "2.arrow", pa.table({"a": ["x"]}))
    with pytest.raises(SchemaError) as error, reading("data", tmp_path):
        pass
    assert "do not go together" in error.value.what


def test__key_folders__are_refused(tmp_path):
    write(tmp_path / "data" / "t" / "year=2024" / "1.arrow")
    with pytest.raises(ProjectError) as error, reading("data", tmp_path):
        pass
    assert "key=value" in error.value.what
