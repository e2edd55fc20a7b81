"""What is no UTF-8 is refused with its place and the fix, in every text format."""

import gzip

import pytest

from rdl.database.sources.encoding import is_empty, wrong_byte
from rdl.errors import SchemaError
from tests.database.sources.reading import files, reading


def refused(folder, source="data"):
    with pytest.raises(SchemaError) as error, reading(source, folder):
        pass
    return error.value


@pytest.mark.parametrize("code", ["utf-16", "utf-32", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["data/t.csv", "data/t.jsonl"])
def test__wide_characters__are_refused(tmp_path, code, name):
    text = "a,b\n1,é\n" if "csv" in name else '{"a": 1}\n'
    error = refused(files(tmp_path, {name: text.encode(code)}))
    assert "UTF-32" in error.what if "32" in code else "UTF-16" in error.what
    assert "byte 0" in error.where
    assert "iconv -f UTF-" in error.fix


@pytest.mark.parametrize("lines", [1, 300_000])
def test__latin_1__is_refused_with_its_line(tmp_path, lines):
    text = b"a,b\n" + b"1,x\n" * (lines - 1) + b"2,caf\xe9\n3,y\n"
    error = refused(files(tmp_path, {"data/t.csv": text}))
    assert "0xE9" in error.what
    assert error.where.endswith(f"t.csv, line {lines + 1}, byte {text.index(0xE9)}")
    assert "iconv" in error.fix


def test__latin_1_in_json__is_refused_with_its_line(tmp_path):
    error = refused(files(tmp_path, {"data/t.jsonl": b'{"a": "x"}\n{"a": "caf\xe9"}\n'}))
    assert "line 2, byte 21" in error.where


def test__character_over_the_edge_of_a_chunk__is_whole(tmp_path):
    text = b"x" * ((1 << 20) - 1) + "é\n".encode()
    file = files(tmp_path, {"t.csv": text}) / "t.csv"
    assert wrong_byte(file) is None
    file.write_bytes(text + "漢".encode()[:2])
    error = wrong_byte(file)
    assert error is not None
    assert f"line 2, byte {len(text)}" in error.where


@pytest.mark.parametrize("half", [True, False])
def test__damaged_gzip__is_refused(tmp_path, half):
    whole = gzip.compress(b"a,b\n" + str(list(range(9999))).encode())
    error = refused(files(tmp_path, {"data/t.csv.gz": whole[: len(whole) // 2] if half else b"a,b\n1,2\n"}))
    assert "t.csv.gz" in error.where


@pytest.mark.parametrize(
    ("text", "empty"), [(b"", True), (b"\xef\xbb\xbf", True), (b"\r\n \n", True), (b"a", False), (b"\n" * 5000, False)]
)
def test__nothing_but_white_space__is_empty(tmp_path, text, empty):
    assert is_empty(files(tmp_path, {"t.csv": text}) / "t.csv") is empty
