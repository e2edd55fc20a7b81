"""Texts of SQL, looked at before they run."""

import time

import pytest

from rdl.database.statements import check_query, check_select, statements
from rdl.errors import SqlError

QUERIES = [
    "SELECT 1",
    "FROM t",
    "FROM t SELECT x",
    "VALUES (1)",
    "WITH x AS (SELECT 1) SELECT * FROM x",
    "SELECT 1;",
    "SELECT 1 -- ;",
    "TABLE t",
    "(SELECT 1) UNION ALL BY NAME (SELECT 2) ORDER BY ALL LIMIT 10%",
    "PIVOT t ON x IN ('a', 'b') USING sum(y) GROUP BY z",
    "UNPIVOT t ON COLUMNS(* EXCLUDE id) INTO NAME n VALUE v",
    "SELECT * FROM t PIVOT (sum(y) AS s FOR x IN ('a', 'b') GROUP BY z)",
    "WITH RECURSIVE r(a, b) USING KEY (a) AS (SELECT 1, 2 UNION SELECT a, b FROM r, recurring.r AS q) SELECT * FROM r",
    "SELECT DISTINCT ON (a) * EXCLUDE (b) REPLACE (c + 1 AS c) FROM t TABLESAMPLE 10%",
    "SELECT a, sum(b) OVER w FROM t WINDOW w AS (PARTITION BY c ORDER BY d DESC) QUALIFY row_number() OVER w = 1",
    "SELECT * FROM a ASOF LEFT JOIN b ON a.k = b.k AND a.t >= b.t SEMI JOIN c USING (k) POSITIONAL JOIN d",
    "SELECT CASE WHEN a THEN 1 END, a::STRUCT(x INT, y VARCHAR[]), [x + 1 for x in l], f(lambda x: x), $horizon FROM t",
    "SELECT a FROM t GROUP BY GROUPING SETS ((a), ()), CUBE (b) HAVING sum(x) > ALL (SELECT 1)",
    "SELECT i FROM range(3) t(i), LATERAL (SELECT unnest([1, 2])), json_each('{}'), generate_series(1, 2)",
]


@pytest.mark.parametrize("sql", QUERIES)
def test__query__of_every_form_is_accepted(sql):
    check_select(sql, "test")
    check_query(sql, "test")


@pytest.mark.parametrize(
    ("sql", "what", "fix"),
    [
        ("", "found 0", "exactly one SELECT"),
        ("SELECT 1; SELECT 2", "found 2", "exactly one SELECT"),
        ("SELECT 1 FORM t x", "does not parse", "mend"),
        ("COPY t TO 'x'", "found COPY", "exactly one SELECT"),
        ("UPDATE EXTENSIONS", "found another kind", "exactly one SELECT"),
        ("EXPLAIN SELECT 1", "found EXPLAIN", "exactly one SELECT"),
        ("DESCRIBE t", "a DESCRIBE, SHOW or SUMMARIZE inside", "of tables only"),
        ("SELECT * FROM (SUMMARIZE t)", "a DESCRIBE, SHOW or SUMMARIZE inside", "of tables only"),
        ("WITH x AS (INSERT INTO t VALUES (1) RETURNING *) FROM x", "a SELECT with INSERT inside", "of tables only"),
        ("PIVOT t ON x USING sum(y)", "PIVOT without an IN list", "list its values"),
        ("SELECT 1" + " " * 100_000, "100008 characters long", "at most 100000"),
        ("SELECT '\udce4'", "does not parse", "mend"),
    ],
)
def test__anything_else__is_refused(sql, what, fix):
    for check in (check_select, check_query):
        with pytest.raises(SqlError) as error:
            check(sql, "staging/x.sql")
        assert what in error.value.what
        assert fix in error.value.fix
        assert error.value.where == "staging/x.sql"


def test__files__are_open_to_staging_and_closed_to_queries():
    check_select("SELECT * FROM read_csv('x.csv')", "test")
    with pytest.raises(SqlError, match="read_csv is closed to queries") as error:
        check_query("SELECT * FROM read_csv('x.csv')", "test")
    assert "generate_series" in error.value.fix


@pytest.mark.parametrize(
    ("check", "nested"),
    [
        (check_select, "(" * 30_000),
        (check_query, "WITH a AS (" * 12 + "1"),
        (statements, "SELECT * FROM " + "(WITH a AS (" * 30 + "1"),
    ],
)
def test__text_that_exhausts_the_parser__does_so_elsewhere(check, nested):
    with pytest.raises(SqlError, match=r"nests too deep|does not parse"):
        check("SELECT " + nested, "test")


def test__long_text_of_many_brackets__is_read_elsewhere_and_alike():
    sql = "SELECT " + ", ".join(["(1)"] * 400)
    assert statements(sql + "; SELECT 2", "test") == [sql, "SELECT 2"]
    check_query(sql, "test")
    with pytest.raises(SqlError, match="found 2") as error:
        check_query(sql + "; SELECT 2", "tasks/x.sql")
    assert error.value.where == "tasks/x.sql"


def test__statements__are_split_by_the_parser_not_by_the_character():
    assert statements("SELECT ';' AS a; -- one; two\nSELECT 2 /* ; */; -- end;", "test") == ["SELECT ';' AS a", "SELECT 2 /* ; */"]
    assert statements("SELECT 'ä;' AS \"ö;\";;", "test") == ["SELECT 'ä;' AS \"ö;\""]
    assert statements("-- nothing", "test") == []


def test__statements__with_a_hundred_thousand_semicolons_in_a_string__are_split_at_once():
    sql = f"SELECT '{';' * 90_000}'"
    start = time.monotonic()
    assert statements(sql + ";", "test") == [sql]
    assert time.monotonic() - start < 5
