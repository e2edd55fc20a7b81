"""What users' SQL may say, read off DuckDB's own parse of it: one SELECT of the database's tables, and no other door.

DuckDB's settings close the files of the machine, but not those that the database itself lies in: its own file, what it spills, and
the Parquet files that its views read. So a text may name tables of the database and of the query only, and of the functions that
make tables just those that compute them. This file imports nothing of rdl: `worker.py` loads it beside itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Any

import duckdb

Catalog = Mapping[str, AbstractSet[str]]

_LONGEST = 100_000
_OPEN, _WITHS = 300, 5
_TREE = "SELECT json_serialize_sql($sql, skip_null := true, skip_empty := true, skip_default := true)"
_QUERIES = frozenset(["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"])
_TABLES = frozenset(["BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY", "TABLE_FUNCTION"])
_ORDERS = frozenset(["ORDER_DEFAULT", "ASCENDING", "DESCENDING"])
_MODIFIERS = frozenset(["DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER"])
_NODES = _QUERIES | _TABLES | _ORDERS | _MODIFIERS
_TABLE_FUNCTIONS = frozenset(
    ["range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree", "regexp_split_to_table"]
)
_SHOWING = frozenset(["current_setting", "getvariable", "getenv", "json_serialize_plan", "pg_get_viewdef", "write_log"])


class RefusedError(Exception):
    """The text is refused: what is wrong with it, and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def is_plain(sql: str) -> bool:
    """Whether DuckDB parses the text, or fails to, in a moment.

    Its parser tries again on every level: some ten nested `WITH`s or ten thousand brackets that do not parse take all memory there
    is. Both are counted here; what has more of them is parsed in a process that may die.
    """
    if len(sql) > _LONGEST:
        return True  # it is refused unparsed
    lowered = sql.lower()
    return sum(lowered.count(bracket) for bracket in "([{") <= _OPEN and lowered.count("with") <= _WITHS


def split(sql: str) -> list[str]:
    """The statements of a text, without their semicolons and the comments behind them.

    Raises:
        RefusedError: the text does not parse, or is longer than any query that a person writes.
    """
    return [_bare(statement.query) for statement in _parse(sql)]


def check_select(sql: str) -> None:
    """Refuse all but exactly one SELECT, with nothing inside that changes or describes.

    Raises:
        RefusedError: the text is anything else.
    """
    _selected(sql, None)


def _selected(sql: str, connection: duckdb.DuckDBPyConnection | None) -> list[dict[str, Any]]:
    """The nodes of the one SELECT's tree."""
    found = _parse(sql)
    if len(found) != 1:
        raise RefusedError(f"expected one statement, found {len(found)}", "leave exactly one SELECT")
    kind = _kind(found[0])
    if kind == "MULTI":
        raise RefusedError("a PIVOT without an IN list has no fixed columns", "list its values: PIVOT t ON x IN ('a', 'b') USING …")
    if kind != "SELECT":
        raise RefusedError(f"expected a SELECT, found {kind}", "leave exactly one SELECT")
    nodes = list(_walk(_tree(sql, connection or duckdb.connect(":memory:"))))
    for node in nodes:
        form = node.get("type")
        if "class" not in node and isinstance(form, str) and form not in _NODES:
            raise RefusedError(f"a SELECT with {_spoken(form)} inside", "leave exactly one SELECT, of tables only")
    return nodes


def check_query(
    sql: str,
    catalog: Catalog | None = None,
    given: AbstractSet[str] = frozenset(),
    connection: duckdb.DuckDBPyConnection | None = None,
) -> None:
    """Refuse all but one SELECT that reads nothing but the tables in `catalog` (by schema, in lower case), and those `given`.

    Without a catalog, tables are not looked at.

    Raises:
        RefusedError: the text says anything else.
    """
    nodes = _selected(sql, connection)
    for node in nodes:
        if node.get("type") == "TABLE_FUNCTION":
            _check_function(node)
        name = node.get("function_name")
        if isinstance(name, str) and name.lower() in _SHOWING:
            raise RefusedError(f"the function {name} is closed to queries", "leave it out")
    if catalog is None:
        return
    named = {key.lower() for key in _names_within(nodes)}
    for node in nodes:
        if node.get("type") == "BASE_TABLE":
            _check_table(node, catalog, given | named)


def _parse(sql: str) -> list[duckdb.Statement]:
    if len(sql) > _LONGEST:
        raise RefusedError(f"the SQL is {len(sql)} characters long", f"write it in at most {_LONGEST}")
    try:
        sql.encode()
        return list(duckdb.extract_statements(sql))
    except (duckdb.Error, MemoryError, UnicodeError) as error:
        raise RefusedError(f"the SQL does not parse: {error}", "mend the statement") from error


def _kind(statement: duckdb.Statement) -> str:
    try:
        return str(statement.type.name)
    except ValueError:  # DuckDB 2.0 has kinds that its Python names do not list
        return "another kind"


def _bare(sql: str) -> str:
    """One statement's text up to its semicolon."""
    text = sql.encode()
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and text[offset : offset + 1] == b";":
            return text[:offset].decode().strip()
    return sql.strip()


def _tree(sql: str, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    try:
        tree: dict[str, Any] = json.loads(connection.sql(_TREE, params={"sql": sql}).fetchall()[0][0])
    except RecursionError as error:
        raise RefusedError("the SQL nests too deep", "write it flatter, with common table expressions") from error
    if tree["error"]:
        raise RefusedError(f"the SQL cannot be read: {tree.get('error_message')}", "leave exactly one plain SELECT")
    return tree


def _walk(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _check_function(node: Mapping[str, Any]) -> None:
    function = node.get("function")
    name = str(function.get("function_name")) if isinstance(function, dict) else "this"
    if name.lower() not in _TABLE_FUNCTIONS:
        raise RefusedError(f"the table function {name} is closed to queries", f"open are: {', '.join(sorted(_TABLE_FUNCTIONS))}")


def _names_within(nodes: list[dict[str, Any]]) -> Iterator[str]:
    """The names of common table expressions; one with a dot could name a file where it is out of scope."""
    for node in nodes:
        entries = node.get("cte_map")
        for entry in entries.get("map", ()) if isinstance(entries, dict) else ():
            if "." not in entry["key"]:
                yield entry["key"]


def _check_table(node: Mapping[str, Any], catalog: Catalog, given: AbstractSet[str]) -> None:
    path = [part.lower() for part in node["qualified_name"]["path"]]
    places = [place for place in (path, path[1:] if path[0] == "db" else []) if place]
    for place in places:
        if len(place) == 1 and place[0] in catalog.get("main", ()):
            return
        if len(place) == 2 and place[1] in catalog.get(place[0], ()):
            return
    if (len(path) == 1 and path[0] in given) or (len(path) == 2 and path[0] == "recurring" and path[1] in given):
        return
    known = sorted(catalog.get("main", set()) | given)
    close = get_close_matches(path[-1], known, n=1, cutoff=0.5)
    shown = ", ".join(known[:20])
    name = ".".join(node["qualified_name"]["path"])
    raise RefusedError(f"there is no table {name!r}", f"did you mean {close[0]!r}?" if close else f"known are: {shown}")


def _spoken(form: str) -> str:
    """How a part of a tree is called in SQL."""
    return {"SHOW_REF": "a DESCRIBE, SHOW or SUMMARIZE"}.get(form, form.replace("_QUERY_NODE", "").replace("_", " "))


JOBS: Mapping[str, Callable[[str], Any]] = {"split": split, "select": check_select, "query": check_query}
