"""Bodies in every form that is read, and what is said of the others."""

import io
import json
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import RdlError
from rdl.mlops.bodies import CSV, JSON, MOST_ROWS, PARQUET, BodyError, read_body
from rdl.mlops.replies import refusal
from rdl.task.asked import RequestError

ROWS = [{"key": 1, "as_of": "2025-01-01"}, {"key": 2, "as_of": None}]
COLUMNS = {"key": [1, 2], "as_of": ["2025-01-01", None]}


def parquet(columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (json.dumps({"dataframe_records": ROWS}).encode(), JSON, COLUMNS),
        (json.dumps({"instances": ROWS}).encode(), "application/json; charset=utf-8", COLUMNS),
        (json.dumps({"dataframe_records": [{"key": 1, "as_of": "2025-01-01"}, {"key": 2}]}).encode(), None, COLUMNS),
        (b'{"dataframe_split": {"columns": ["key", "as_of"], "data": [[1, "2025-01-01"], [2, null]]}}', JSON, COLUMNS),
        (json.dumps({"inputs": COLUMNS}).encode(), JSON, COLUMNS),
        (b'{"inputs": {"key": 1}}', JSON, {"key": [1]}),
        (b"key,as_of\n1,2025-01-01\n2,\n", CSV, {"key": ["1", "2"], "as_of": ["2025-01-01", None]}),
        (parquet(COLUMNS), PARQUET, COLUMNS),
    ],
)
def test__read_body__any_form__gives_columns(body, kind, expected):
    assert read_body(body, kind).columns == expected


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"{", JSON, 400, "no JSON"),
        (b"[" * 200_000, JSON, 400, "nested too deeply"),
        (b"\xff\xfe", JSON, 400, "no JSON"),
        (b'{"rows": []}', JSON, 400, "exactly one of dataframe_records"),
        (b'{"dataframe_record": []}', JSON, 400, "did you mean 'dataframe_records'"),
        (b'{"dataframe_records": [], "inputs": {}}', JSON, 400, "exactly one"),
        (b'{"dataframe_records": [1]}', JSON, 400, "list of objects"),
        (b'{"dataframe_records": [{}]}', JSON, 400, "no columns"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": []}}', JSON, 400, "different names"),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', JSON, 400, "no row of 1 values"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', JSON, 400, "different lengths"),
        (b'{"inputs": [105]}', JSON, 400, "columns by name"),
        (b'{"dataframe_records": [], "params": {"reason": 2}}', JSON, 400, "not known"),
        (b'{"dataframe_records": [], "params": {"reasons": "many"}}', JSON, 400, "no number of reasons"),
        (b'{"dataframe_records": [], "params": {"reasons": true}}', JSON, 400, "no number of reasons"),
        (json.dumps({"instances": [{"k": 1}] * (MOST_ROWS + 1)}).encode(), JSON, 413, "20,001 rows"),
        (b"k\n" + b"1\n" * (MOST_ROWS + 1), CSV, 413, "20,001 rows"),
        (parquet({"k": pa.nulls(MOST_ROWS + 1)}), PARQUET, 413, "20,001 rows"),
        (b'k\n"1', CSV, 400, "no CSV"),
        (b"k\n1,2\n", CSV, 400, "row 0 has 2 values"),
        (b"\xff", CSV, 400, "no CSV"),
        (b"PAR1", PARQUET, 400, "no Parquet"),
        (parquet(COLUMNS)[:-20] + b"0" * 16 + b"PAR1", PARQUET, 400, "no Parquet"),
        (b"x", "text/plain", 415, "content types"),
        (b"{}", "application/json; charset=utf-16", 415, "charset"),
    ],
)
def test__read_body__anything_else__is_refused_with_status_and_message(body, kind, status, message):
    with pytest.raises(RdlError) as caught:
        read_body(body, kind)
    told, said = refusal(caught.value)
    assert told == status
    assert message in json.loads(said)["message"]
    assert len(said) < 1500


@pytest.mark.parametrize(
    ("params", "address", "reasons"), [({}, None, 0), ({"reasons": 3}, None, 3), ({}, "5", 5), ({"reasons": 2}, "5", 2)]
)
def test__read_body__reasons__come_from_the_body_or_the_address(params, address, reasons):
    body = json.dumps({"dataframe_records": ROWS, "params": params}).encode()
    assert read_body(body, JSON, address).reasons == reasons


@given(body=st.binary(max_size=60), kind=st.sampled_from([JSON, CSV, PARQUET]))
def test__read_body__any_bytes__are_read_or_refused(body, kind):
    with suppress(BodyError, RequestError):
        question = read_body(body, kind)
        assert all(len(values) == len(question) for values in question.columns.values())


def test__parquet__small_body_of_much_text__is_refused_before_it_unfolds():
    body = parquet({"key": pa.array(["x" * 2**20] * 300)})
    assert len(body) < 2**20
    with pytest.raises(BodyError, match="bytes of values"):
        read_body(body, PARQUET)


def test__parquet__column_of_lists__is_refused():
    with pytest.raises(RequestError, match="lists or structs"):
        read_body(parquet({"key": pa.array([[1], [2]])}), PARQUET)
