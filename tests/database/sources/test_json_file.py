"""JSON: nested objects are structures, and text is a time only where all of it is ISO 8601."""

import gzip
import json

import pytest

from rdl.errors import SchemaError
from tests.database.sources.reading import files, reading


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.jsonl", '{"a": 1, "b": "x"}\n{"a": 2}\n'),
        ("t.ndjson", '\ufeff{"a": 1, "b": "x"}\r\n{"a": 2}'),
        ("t.json", '{"a": 1, "b": "x"}\n{"a": 2}\n'),
        ("t.json", '[{"a": 1, "b": "x"},\n {"a":\n 2}]'),
        ("t.JSON.gz", gzip.compress(b'[{"a": 1, "b": "x"}, {"a": 2}]', mtime=0)),
        ("t.jsonl.gz", gzip.compress(b'{"a": 1, "b": "x"}\n{"a": 2}\n', mtime=0)),
    ],
)
def test__lines_and_arrays__are_rows(tmp_path, name, text):
    with reading("data", files(tmp_path, {f"data/{name}": text})) as found:
        assert found.rows("t") == [(1, "x"), (2, None)]


def test__nested_objects__are_structures(tmp_path):
    text = '{"a": {"b": [1, 2], "c": {"d": "x"}}, "e": null, "f": [{"g": 1}]}\n{"a": {"h": 1.5}}\n'
    with reading("data", files(tmp_path, {"data/t.jsonl": text})) as found:
        assert found.types("t")["a"] == "STRUCT(b BIGINT[], c STRUCT(d VARCHAR), h DOUBLE)"
        assert found.rows("t", "a.b[2], a.c.d, e, f[1].g") == [(2, "x", None, 1), (None, None, None, None)]


def test__values_of_several_kinds__are_text(tmp_path):
    with reading("data", files(tmp_path, {"data/t.jsonl": '{"a": 1, "b": true}\n{"a": "x", "b": 2}\n{"a": null}\n'})) as found:
        assert found.rows("t") == [("1", "true"), ("x", "2"), (None, None)]


@pytest.mark.parametrize(
    ("values", "type_", "read_as"),
    [
        (["2024-01-01", "2024-02-29"], "DATE", None),
        (["2024-01-01T00:00:00+02:00", "2024-01-01T00:00:00Z"], "TIMESTAMP WITH TIME ZONE", [-2, 0]),
        (["2024-01-01T00:00:00", "2024-01-01 00:00:00.5+0200"], "TIMESTAMP WITH TIME ZONE", [0, 0.5 / 3600 - 2]),
        (["2024-01-01T01:00:00", "2024-01-01T00:00:00.5", "2024-01-01", "2024-01-01 02:00"], "TIMESTAMP", [1, 0.5 / 3600, 0, 2]),
        (["05-01-25", "06-01-25"], "VARCHAR", None),
        (["31-01-2025", "01-02-2025"], "VARCHAR", None),
        (["2024-02-30", "2024-01-01"], "VARCHAR", None),
        (["2024-01-01T00:00:00Z", ""], "VARCHAR", None),
        (["20240101", "2024"], "VARCHAR", None),
    ],
)
def test__text__is_a_time_where_all_of_it_is_iso(tmp_path, values, type_, read_as):
    text = "".join(json.dumps({"a": v}) + "\n" for v in [*values, None])
    with reading("data", files(tmp_path, {"data/t.jsonl": text})) as found:
        assert found.types("t") == {"a": type_}
        if read_as:
            hours = found.rows("t", "(epoch_us(a) - epoch_us(TIMESTAMP '2024-01-01')) / 3600000000")
            assert [h for (h,) in hours[:-1]] == pytest.approx(read_as)
        elif type_ == "VARCHAR":
            assert found.rows("t") == [(v,) for v in [*values, None]]


def test__last_line__decides_a_type_as_much_as_the_first(tmp_path):
    lines = "".join(f'{{"a": {i}}}\n' for i in range(30_000))
    with reading("data", files(tmp_path, {"data/t.jsonl": lines + '{"a": 0.5, "b": 1}\n'})) as found:
        assert found.types("t") == {"a": "DOUBLE", "b": "BIGINT"}


def test__large_numbers_and_texts__stay_whole(tmp_path):
    text = json.dumps({"a": 18446744073709551615, "b": "é" * 1_000_000, "c": "x\0y"}, ensure_ascii=False)
    with reading("data", files(tmp_path, {"data/t.jsonl": text.replace("\0", "\\u0000") + "\n"})) as found:
        assert found.rows("t", "a, length(b), c") == [(18446744073709551615, 1_000_000, "x\0y")]


def test__five_hundred_sparse_fields__are_columns(tmp_path):
    text = "".join(json.dumps({"id": i, f"k{i}": i}) + "\n" for i in range(500))
    with reading("data", files(tmp_path, {"data/t.jsonl": text})) as found:
        assert len(found.types("t")) == 501
        assert found.rows("t", "sum(k7), count(k7)") == [(7, 1)]


@pytest.mark.parametrize("name", ["select", 'a "b"', "x; DROP TABLE t", "it's", "漢字 é", "a.b", " ", "{0}", "{hive}"])
def test__any_name__is_a_column(tmp_path, name):
    text = json.dumps({"id": 1, name: "2024-01-01"}) + "\n"
    with reading("data", files(tmp_path, {"data/t.jsonl": text})) as found:
        assert found.types("t") == {"id": "BIGINT", name: "DATE"}


def test__parts__are_united_by_name(tmp_path):
    texts = {
        "data/t/1.jsonl": '{"a": 1, "b": "2024-01-01"}\n',
        "data/t/2.json": '[{"b": "x", "c": 1}]',
        "data/t/3.json": "",
        "data/t/k/4.jsonl.gz": gzip.compress(b'{"a": 1.5}'),
    }
    with reading("data", files(tmp_path, texts)) as found:
        assert found.types("t") == {"a": "DOUBLE", "b": "VARCHAR", "c": "BIGINT"}
        assert found.rows("t") == [(1.0, "2024-01-01", None), (None, "x", 1), (1.5, None, None)]


def test__parts_in_key_folders__have_columns_of_them(tmp_path):
    texts = {f"data/t/day=2024-01-0{d}/p.jsonl": '{"a": "2024-01-01"}\n' for d in (1, 2)}
    with reading("data", files(tmp_path, texts)) as found:
        assert found.types("t") == {"a": "DATE", "day": "DATE"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "'t' is empty"),
        (" \n", "'t' is empty"),
        ("[]", "not readable as JSON"),
        ("{}\n{}\n", "not readable as JSON"),
        ("[1, 2]", "not readable as JSON"),
        ('{"a": 1}\n5\n', "not readable as JSON"),
        ('{"a": 1}\n{"a":\n', "not readable as JSON"),
        ('{"a": 1, "A": 2}\n', "'A' and 'a'"),
    ],
)
def test__what_holds_no_objects__is_refused(tmp_path, text, what):
    with pytest.raises(SchemaError) as error, reading("data", files(tmp_path, {"data/t.json": text})):
        pass
    assert what in error.value.what
    assert error.value.where.endswith("t.json")


def test__numbered_names__are_no_twins(tmp_path):
    with reading("data", files(tmp_path, {"data/t.json": '{"address": 1, "address_1": 2}\n'})) as found:
        assert found.rows("t") == [(1, 2)]
