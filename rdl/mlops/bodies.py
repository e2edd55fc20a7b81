"""From the body of a request to a question, in the forms that MLflow's scoring protocol has: JSON, CSV and Parquet.

What cannot be read is a BodyError with the status that says so; nothing of the body is ever run, and no size is trusted before it
is measured.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rdl.errors import RdlError, nearest
from rdl.mlops.requests import Question, columns_of, shown
from rdl.task.asked import RequestError

MOST_BYTES = 16 * 2**20
MOST_ROWS = 20_000
MOST_COLUMNS = 100
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
PARAMS, REASONS = "params", "reasons"

Columns = dict[str, list[Any]]


class BodyError(RdlError):
    """A body that is too large, or of a form that is not known.

    Attributes:
        status: of the answer, 4xx.
    """

    def __init__(self, status: int, what: str, *, fix: str = "") -> None:
        self.status = status
        super().__init__(what, fix=fix)


def read_body(body: bytes, content_type: str | None, reasons: str | None = None) -> Question:
    """What a request asks.

    Args:
        body: at most MOST_BYTES.
        content_type: the header; JSON where there is none.
        reasons: how many reasons the address asks for; the body's own `params` go first.

    Raises:
        BodyError, RequestError: the body or the number cannot be read.
    """
    kind, _, more = (content_type or JSON).partition(";")
    charset = more.strip().lower().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise BodyError(415, f"the charset {shown(charset)} is not read", fix="send UTF-8")
    read = _READERS.get(kind.strip().lower())
    if read is None:
        raise BodyError(415, f"the content types are {', '.join(_READERS)}, not {shown(kind.strip())}", fix=f"send {JSON}")
    columns, params = read(body)
    rows = {name: len(values) for name, values in columns.items()}
    if len(set(rows.values())) > 1:
        raise RequestError(f"columns of different lengths: {shown(rows)}", fix="send one value a row in every column")
    question = Question(columns, _reasons(params.get(REASONS, reasons)))
    if len(question) > MOST_ROWS:
        raise _too_many(len(question))
    return question


def _reasons(given: object) -> int:
    if given is None:
        return 0
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 5:
        return int(given)
    if not isinstance(given, int) or isinstance(given, bool):
        raise RequestError(f"{shown(given)} is no number of reasons", where=REASONS, fix='write "params": {"reasons": 3}')
    return given


def _too_many(rows: int) -> BodyError:
    return BodyError(413, f"{rows:,} rows in one request; {MOST_ROWS:,} are answered", fix="send fewer, or use: rdl score")


def _read_json(body: bytes) -> tuple[Columns, Mapping[str, Any]]:
    try:
        told = json.loads(body)
    except RecursionError:
        raise BodyError(400, "the JSON is nested too deeply", fix="send one object a row") from None
    except ValueError as error:
        raise BodyError(400, f"the body is no JSON: {str(error)[:200]}", fix=f"send one of {', '.join(FORMS)}") from None
    forms = [form for form in FORMS if isinstance(told, dict) and form in told]
    if len(forms) != 1:
        wanted = f"a JSON object with exactly one of {', '.join(FORMS)}"
        fix = nearest(next(iter(told))[:60], FORMS) if isinstance(told, dict) and told and not forms else f"send {wanted}"
        raise BodyError(400, f"the body is not {wanted}", fix=fix)
    unknown = [name for name in told if name not in (*forms, PARAMS)]
    params = told.get(PARAMS) or {}
    if unknown or not isinstance(params, dict) or set(params) - {REASONS}:
        name = shown(unknown[0] if unknown else params)
        raise RequestError(f"{name} beside {forms[0]} is not known", fix='send "params": {"reasons": 3}, or nothing')
    return _JSON_FORMS[forms[0]](told[forms[0]]), params


def _records(rows: Any) -> Columns:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RequestError("the rows are no list of objects", fix='send [{"key": …}, …]')
    if len(rows) > MOST_ROWS:
        raise _too_many(len(rows))
    columns: Columns = columns_of(rows) if len({name for row in rows for name in row}) <= MOST_COLUMNS else {}
    if rows and not columns:
        raise RequestError("the rows have no columns, or too many", fix="send the key's columns, and as_of")
    return columns


def _split(frame: Any) -> Columns:
    if not isinstance(frame, dict) or not {"columns", "data"} <= set(frame) <= {"columns", "data", "index"}:
        raise RequestError("dataframe_split has columns and data", fix='send {"columns": ["key"], "data": [[…], …]}')
    names, data = frame["columns"], frame["data"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise RequestError(f"the columns are {shown(names)}", where="dataframe_split", fix="send a list of different names")
    if not isinstance(data, list):
        raise RequestError(f"the data are {shown(data)}", where="dataframe_split", fix="send a list of rows")
    for row, values in enumerate(data):
        if not isinstance(values, list) or len(values) != len(names):
            raise RequestError(f"{shown(values)} is no row of {len(names)} values", where=f"row {row}", fix="send one a column")
    return {name: [values[i] for values in data] for i, name in enumerate(names)}


def _inputs(frame: Any) -> Columns:
    """Columns by name, each a list; of one row, each a value."""
    if not isinstance(frame, dict):
        raise RequestError("inputs are columns by name", fix='send {"key": [...]}, or dataframe_records')
    if not any(isinstance(values, list) for values in frame.values()):
        return {name: [value] for name, value in frame.items()}
    if not all(isinstance(values, list) for values in frame.values()):
        raise RequestError("some columns are lists, and some are not", where="inputs", fix="send one list a column")
    return dict(frame)


_JSON_FORMS: Mapping[str, Callable[[Any], Columns]] = {
    "dataframe_records": _records,
    "dataframe_split": _split,
    "instances": _records,
    "inputs": _inputs,
}


def _read_csv(body: bytes) -> tuple[Columns, Mapping[str, Any]]:
    """Texts by column; a number is one again where the key's column holds numbers (see `resolve`), and an empty text is none."""
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BodyError(400, f"the body is no CSV: {str(error)[:200]}", fix="send UTF-8 with a header line") from None
    rows = [row for row in rows if row]
    names, data = (rows[0], rows[1:]) if rows else ([], [])
    if len(set(names)) < len(names) or len(names) > MOST_COLUMNS:
        raise RequestError(f"the header is {shown(names)}", fix="name each column once")
    for line, row in enumerate(data):
        if len(row) != len(names):
            raise BodyError(400, f"row {line} has {len(row)} values, the header {len(names)}", fix="send one value a column")
    return {name: [row[i] or None for row in data] for i, name in enumerate(names)}, {}


def _read_parquet(body: bytes) -> tuple[Columns, Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        rows, columns = file.metadata.num_rows, file.schema_arrow.names
        if rows > MOST_ROWS:
            raise _too_many(rows)
        if len(columns) > MOST_COLUMNS or len(set(columns)) < len(columns):
            raise RequestError(f"{len(columns)} columns", fix="send the key's columns, and as_of")
        if any(pa.types.is_nested(field.type) for field in file.schema_arrow):
            raise RequestError("a column of lists or structs", fix="send one value a column")
        read = _decoded(pq.ParquetFile(pa.BufferReader(body), read_dictionary=columns), columns)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise BodyError(400, f"the body is no Parquet file: {str(error)[:200]}", fix=f"send {JSON}") from None
    return read, {}


def _decoded(file: Any, columns: Sequence[str]) -> Columns:
    """The rows of a Parquet file whose dictionaries stay encoded until it is known how much they unfold to.

    Raises:
        BodyError: that is more than MOST_BYTES.
    """
    declared = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    read: Columns = {name: [] for name in columns}
    size = declared
    for batch in file.iter_batches(MOST_ROWS, use_threads=False) if declared <= MOST_BYTES else ():
        size += sum(_unfolded(column) for column in batch.columns)
        if size > MOST_BYTES:
            break
        for name, column in zip(columns, batch.columns, strict=True):
            read[name] += column.to_pylist()
    if size > MOST_BYTES:
        raise BodyError(413, f"more than {MOST_BYTES:,} bytes of values", fix="send fewer rows")
    return read


def _unfolded(column: Any) -> int:
    """Bytes of a column's values, each counted wherever it stands."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type) or pa.types.is_primitive(column.type.value_type):
        return int(column.nbytes)
    return int(pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0)


_READERS: Mapping[str, Callable[[bytes], "tuple[Columns, Mapping[str, Any]]"]] = {
    JSON: _read_json,
    CSV: _read_csv,
    PARQUET: _read_parquet,
}
