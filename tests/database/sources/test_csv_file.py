"""CSV files say little and in many ways: what they say is read whole, and what cannot be told is not guessed."""

import csv
import gzip
import io
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database import Semantic, open_database
from rdl.errors import SchemaError
from rdl.project import open_project
from rdl.timeline import NEVER
from tests.database.sources.reading import files, reading
from tests.projects import rows


def read(folder, text, name="t.csv", columns="*"):
    with reading("data", files(folder, {f"data/{name}": text})) as found:
        return found.rows("t", columns)


def refused(folder, **texts):
    with pytest.raises(SchemaError) as error, reading("data", files(folder, {f"data/{n}": t for n, t in texts["texts"].items()})):
        pass
    return error.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test__delimiters_line_ends_and_marks__do_not_matter(tmp_path, delimiter, end, mark):
    lines = [("a", "b"), ("1", 'Zoë; ""x"" #1|2, 3'), ("2", r"\N"), ("3", "")]
    text = mark + end.join(delimiter.join([a, f'"{b}"' if " " in b else b]) for a, b in lines) + end
    assert read(tmp_path, text) == [(1, 'Zoë; "x" #1|2, 3'), (2, None), (3, None)]


def test__gzip_and_tabs__are_read(tmp_path):
    assert read(tmp_path / "1", gzip.compress(b"a,b\n1,x\n"), "t.csv.gz") == [(1, "x")]
    assert read(tmp_path / "2", "a,b,c\td,e\n1\t2\n", "t.tsv") == [(1, 2)]
    assert read(tmp_path / "3", gzip.compress(b"a\tb\n1\tx\n"), "t.TSV.gz") == [(1, "x")]


def test__line_ends_in_values__are_values(tmp_path):
    assert read(tmp_path, 'a,b\n1,"two\nlines"\n2,"a ""quoted"" one"\n') == [(1, "two\nlines"), (2, 'a "quoted" one')]


def test__one_column__is_one_column(tmp_path):
    assert read(tmp_path, "word\na|b\nc;d\n") == [("a|b",), ("c;d",)]


def test__last_row__decides_a_type_as_much_as_the_first(tmp_path):
    numbers = "".join(f"{i}\n" for i in range(30_000))
    with reading("data", files(tmp_path, {"data/t.csv": f"a\n{numbers}x\n", "data/u.csv": f"a\nx\n{numbers}"})) as found:
        assert found.types("t") == found.types("u") == {"a": "VARCHAR"}


def test__large_whole_numbers__stay_whole(tmp_path):
    assert read(tmp_path, "a,b\n18446744073709551615,12345678901234567890123456789012345678\n1,2\n")[0] == (
        18446744073709551615,
        12345678901234567890123456789012345678,
    )


def test__five_hundred_columns_and_a_megabyte__are_read(tmp_path):
    names = ",".join(f"c{i}" for i in range(500))
    values = ",".join(str(i) for i in range(499)) + "," + "é" * 500_000
    with reading("data", files(tmp_path, {"data/t.csv": f"{names}\n{values}\n"})) as found:
        assert len(found.types("t")) == 500
        assert found.rows("t", "c498, length(c499)") == [(498, 500_000)]


@pytest.mark.parametrize("name", ["select", 'a "b"', "x; DROP TABLE t", "it's", "漢字 é", "a.b", " ", "{0}", "%s", "a,b"])
def test__any_name__is_a_column(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    with reading("data", files(tmp_path, {"data/t.csv": f"id,{quoted}\n1,2\n"})) as found:
        assert found.rows("t") == [(1, 2)]
        assert found.types("t").keys() == {"id", name} or name == " "


def test__names_alone__are_a_table_without_rows(tmp_path):
    with reading("data", files(tmp_path, {"data/t.csv": "a,b\n"})) as found:
        assert (found.rows("t"), list(found.types("t"))) == ([], ["a", "b"])


@pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", b"\n\n", gzip.compress(b"", mtime=0)])
def test__empty_file__is_refused(tmp_path, text):
    name = "t.csv.gz" if text.startswith(b"\x1f") else "t.csv"
    error = refused(tmp_path, texts={name: text})
    assert "'t' is empty" in error.what
    assert error.where.endswith(name)


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n1,2,3\n", "a,b\n1,2\n1,2,3\n4\n", 'a,b\n1,"open\n2,3\n', "a,b\n1," + "x" * 3_000_000 + "\n"]
)
def test__what_is_no_csv__is_refused(tmp_path, text):
    error = refused(tmp_path, texts={"t.csv": text})
    assert "not readable as CSV" in error.what
    assert error.where.endswith("t.csv")
    assert "line of column names" in error.fix
    assert len(str(error)) < 10_000


def test__short_lines__are_padded_and_counted_in_any_order(tmp_path):
    lines = ["1,2025-01-01,x,y", "2,2025-01-02", '3,2025-01-03,"two\nlines",z', "", f'4,2025-01-04,"{"w" * 300_000}"']
    for name, body in (("a", lines), ("b", lines[::-1])):
        text = "\n".join(["id,time,name,city", *body]) + "\n"
        with reading("data", files(tmp_path / name, {"data/t.csv": text})) as found:
            assert sorted(found.rows("t", "id, name[:10], city")) == [
                (1, "x", "y"),
                (2, None, None),
                (3, "two\nlines", "z"),
                (4, "w" * 10, None),
            ]
            assert found.padded == {"t": 2}


@pytest.mark.parametrize(
    ("values", "type_", "read_as"),
    [
        (["2024-01-01T00:00:00+02:00", "2024-01-01T00:00:00Z"], "TIMESTAMP WITH TIME ZONE", [-2, 0]),
        (["2024-01-01T00:00:00", "2024-01-01T00:00:00+02:00"], "TIMESTAMP WITH TIME ZONE", [0, -2]),
        (["2024-01-01 00:00:00+0200", "2024-01-01 00:00:00-05"], "TIMESTAMP WITH TIME ZONE", [-2, 5]),
        (["2024-01-01 00:00:00 Europe/Zurich", "2024-01-01 00:00:00 UTC"], "TIMESTAMP WITH TIME ZONE", [-1, 0]),
        (["2024-01-01 02:00:00", "2024-01-01 00:00:00.5"], "TIMESTAMP", [2, 0.5 / 3600]),
        (["2024-01-01", "2024-01-01T01:00:00Z"], "TIMESTAMP WITH TIME ZONE", [0, 1]),
        (["2024-01-01", "2024-01-01 01:00:00"], "TIMESTAMP", [0, 1]),
        (["2024-01-01 00:00:00", "yesterday"], "VARCHAR", None),
    ],
)
def test__times_with_zones__are_instants_or_stay_text(tmp_path, values, type_, read_as):
    for name, order in (("a", values), ("b", values[::-1])):
        with reading("data", files(tmp_path / name, {"data/t.csv": "a\n" + "".join(f"{v}\n" for v in order)})) as found:
            assert found.types("t") == {"a": type_}
            if read_as is not None:
                hours = found.rows("t", "(epoch_us(a) - epoch_us(TIMESTAMP '2024-01-01')) / 3600000000")
                assert sorted(h for (h,) in hours) == pytest.approx(sorted(read_as))


def test__local_dates__keep_their_format(tmp_path):
    found = read(tmp_path, "a,b\n31/01/2025,x\n01/02/2025,y\n", columns="CAST(a AS VARCHAR)")
    assert found == [("2025-01-31",), ("2025-02-01",)]


def test__cast__is_of_the_value_and_not_of_its_text(tmp_path):
    text = "a,b\n31/01/2025,1.50\n01/02/2025,2\n"
    found = read(tmp_path, text, columns="CAST(a AS TIMESTAMP) = TIMESTAMP '2025-01-31', CAST(b AS VARCHAR)")
    assert found == [(True, "1.5"), (False, "2.0")]


@pytest.mark.parametrize(("text", "warned"), [("01/02/2025\n02/03/2025", True), ("01/02/2025\n13/02/2025", False)])
def test__day_and_month_that_cannot_be_told_apart__are_warned_of(tmp_path, caplog, text, warned):
    with caplog.at_level(logging.WARNING):
        read(tmp_path, f"a,b\n{text.replace(chr(10), ',1' + chr(10))},1\n")
    assert ("t.csv are read as %d/%m/%Y" in caplog.text) is warned


PARTS = {
    "numbers": (["1", "2.5"], "DOUBLE", [1.0, 2.5]),
    "large": (["1", "18446744073709551615"], "HUGEINT", [1, 18446744073709551615]),
    "words": (["007", "x"], "VARCHAR", ["007", "x"]),
    "flags": (["true", "1"], "VARCHAR", ["true", "1"]),
    "date_number": (["2024-01-01", "7"], "VARCHAR", ["2024-01-01", "7"]),
    "date_time": (["2024-01-01", "2024-01-01 10:00:00"], "TIMESTAMP", None),
    "time_zone": (["2024-01-01 10:00:00", "2024-01-01 10:00:00+02:00"], "TIMESTAMP WITH TIME ZONE", None),
    "date_zone": (["2024-01-01", "2024-01-01 10:00:00+02:00"], "TIMESTAMP WITH TIME ZONE", None),
    "nothing": (["1", r"\N"], "BIGINT", [1, None]),
    "nothing_said": ([r"\N", ""], "VARCHAR", [None, None]),
    "day_first": (["01/02/2024", "13/02/2024"], "DATE", None),
    "both_ways": (["13/02/2024", "02/13/2024"], "VARCHAR", ["13/02/2024", "02/13/2024"]),
    "local_and_iso": (["13/02/2024", "2024-02-14"], "DATE", None),
    "local_and_time": (["13/02/2024", "2024-02-14 10:00:00"], "VARCHAR", ["13/02/2024", "2024-02-14 10:00:00"]),
    "local_times": (["01/02/2024 10:00:00", "13/02/2024 10:00:00"], "TIMESTAMP", None),
}


@pytest.mark.parametrize("case", PARTS)
def test__types__are_decided_over_all_parts(tmp_path, case):
    values, type_, expected = PARTS[case]
    for order in (values, values[::-1]):
        texts = {f"data/t/{i}.csv": f"a,b\n{value},x\n" for i, value in enumerate(order)}
        with reading("data", files(tmp_path, texts)) as found:
            assert found.types("t") == {"a": type_, "b": "VARCHAR"}
            rows_ = [value for (value,) in found.rows("t", "a" if expected else "CAST(a AS VARCHAR)")]
        assert rows_ == (expected if order is values else expected[::-1]) if expected else None not in rows_
        if case in {"day_first", "local_times", "local_and_iso"}:
            assert all(value.startswith("2024-02-") for value in rows_)


def test__parts__are_united_by_name_in_the_order_of_their_paths(tmp_path):
    texts = {
        "data/t/1.csv": "a,b\n1,x\n",
        "data/t/2.tsv": "B\tc\ny\t2.5\n",
        "data/t/3.csv": "",
        "data/t/4.csv": "a,b\n",
        "data/t/5/6.csv": 'b;a\n"z;";3\n',
        "data/t/7.csv": "a,b,c\n4\n",
    }
    with reading("data", files(tmp_path, texts)) as found:
        assert found.types("t") == {"a": "BIGINT", "b": "VARCHAR", "c": "DOUBLE"}
        assert found.rows("t") == [(1, "x", None), (None, "y", 2.5), (3, "z;", None), (4, None, None)]
        assert found.padded == {"t": 1}


def test__parts_in_key_folders__have_columns_of_them(tmp_path):
    texts = {f"env=prod/data/t/year={y}/p.csv": "a\n1\n" for y in (2023, 2024)}
    with reading("env=prod/data", files(tmp_path, texts)) as found:
        assert found.types("t") == {"a": "BIGINT", "year": "BIGINT"}
        assert found.rows("t") == [(1, 2023), (1, 2024)]


def test__many_parts__are_one_reader(tmp_path):
    texts = {f"data/t/{i:03}.csv": f"a,b\n{i},x\n" for i in range(200)}
    with reading("data", files(tmp_path, texts)) as found:
        assert found.rows("t", "a") == [(i,) for i in range(200)]


F1_TOML = """
[database]
source = "SOURCE"
staging = "sql/staging/f1"
infer = false
[tables.drivers]
key = "driverId"
[tables.races]
key = "raceId"
time = "moment"
[tables.results]
key = "resultId"
time = "moment"
references = { raceId = "races", driverId = "drivers", statusId = "status" }
[tables.status]
key = "statusId"
[tables.pit_stops]
key = ["raceId", "driverId", "stop"]
time = "moment"
lag = "1 day"
references = { raceId = "races", driverId = "drivers" }
"""
DATED = "SELECT t.*, CAST(r.date AS DATE) AS moment FROM {table} t JOIN races r USING (raceId)"


def test__raw_formula_1__gets_its_times_from_staging(tmp_path, f1_csv_folder):
    staging = tmp_path / "sql" / "staging" / "f1"
    staging.mkdir(parents=True)
    races = "SELECT *, CAST(date AS TIMESTAMP) + INTERVAL 15 HOURS AS moment FROM races; -- the flag has fallen by three\n"
    (staging / "races.sql").write_text(races)
    for table in ("results", "pit_stops"):
        (staging / f"{table}.sql").write_text(DATED.format(table=table))
    (tmp_path / "rdl.toml").write_text(F1_TOML.replace("SOURCE", f1_csv_folder.as_posix()))
    database = open_database(open_project(tmp_path))
    assert len(database.schema.tables) == 13
    raw = {}
    for table in ("results", "races", "pit_stops"):
        with (f1_csv_folder / f"{table}.csv").open(newline="") as stream:
            raw[table] = sum(1 for _ in csv.reader(stream)) - 1
    assert {t: database.schema[t].rows for t in raw} == raw
    with database.engine() as engine:
        wrong = "SELECT count(*) AS n FROM rows.results o JOIN rows.races r ON o._ref_raceId = r._row WHERE o._time >= r._time"
        assert engine.numpy(wrong)["n"][0] == 0
        lagged = "SELECT count(*) AS n FROM rows.pit_stops WHERE _time <> epoch_us(CAST(moment AS TIMESTAMP)) + 86400000000"
        assert engine.numpy(lagged)["n"][0] == 0
        assert engine.numpy("SELECT count(*) AS n FROM rows.drivers WHERE number IS NULL")["n"][0] > 700
    columns = {c.name: c.semantic for c in database.schema["results"].columns}
    assert (columns["positionText"], columns["points"]) == (Semantic.CATEGORICAL, Semantic.NUMERIC)
    assert all(r["_time"] != NEVER for r in rows(database, "races", "_time"))


def test__real_folders__are_read(f1_csv_folder, tmp_path):
    with reading(str(f1_csv_folder), tmp_path) as found:
        assert len(found.source.tables) == 13
        assert found.padded.pop("races") == 24, "the season of 2025 lacks its last ten columns"
        assert not any(found.padded.values())
        assert found.rows("circuits", "count(*)") == [(77,)]


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12).map("x".__add__)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    cut=st.integers(0, 6),
)
def test__any_text__comes_back_as_it_was_written(tmp_path_factory, lines, delimiter, cut):
    texts = {}
    for part, some in enumerate([lines[:cut], lines[cut:]]):
        stream = io.StringIO()
        csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows([("a", "b", "c"), *some])
        texts[f"data/t/{part}.csv"] = stream.getvalue()
    with reading("data", files(tmp_path_factory.mktemp("csv"), texts)) as found:
        assert found.rows("t") == lines
