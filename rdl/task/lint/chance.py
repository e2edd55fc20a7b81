"""What gives another answer tomorrow, or on the same rows in another order: clocks, dice, samples, and picks without an order."""

import re
from collections.abc import Iterator

from sqlglot import exp

from rdl.task.lint.finding import Finding, Rule
from rdl.task.lint.place import Place
from rdl.task.lint.reads import line_of

_CLOCKS = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.CurrentDatetime, exp.Localtimestamp, exp.Localtime)
_DICE = (exp.Rand, exp.Uuid)
_NAMES = {
    "now": "clock",
    "today": "clock",
    "get_current_timestamp": "clock",
    "get_current_time": "clock",
    "current_localtimestamp": "clock",
    "current_localtime": "clock",
    "transaction_timestamp": "clock",
    "txid_current": "clock",
    "random": "dice",
    "setseed": "dice",
    "uuid": "dice",
    "gen_random_uuid": "dice",
    "uuidv4": "dice",
    "uuidv7": "dice",
    "nextval": "dice",
    "currval": "dice",
}
_PICKS = (exp.First, exp.Last, exp.AnyValue, exp.Mode, exp.ArrayAgg, exp.GroupConcat)
_TIES = (exp.ArgMax, exp.ArgMin)
_ORDERED = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead, exp.NthValue, exp.Ntile)


def chance(tree: exp.Expr, place: Place, *, sets: bool = False) -> Iterator[Finding]:
    """Findings of one query.

    Args:
        tree: the query.
        place: where it stands.
        sets: whether its lists are sets, whose order says nothing.
    """
    for node in tree.walk():
        kind = _kind(node)
        if kind:
            fix = "count from the cutoff of the grid" if kind == "clock" else "leave it out, or hash a key instead"
            what = f"{_said(node)} gives another answer at every run"
            yield place.finding(Rule.NONDETERMINISTIC, _line(node, place), what, fix)
            continue
        reason = None if sets and isinstance(node, exp.ArrayAgg) else _unordered(node)
        if reason:
            yield place.finding(Rule.ROW_ORDER, _line(node, place), reason[0], reason[1])


def _kind(node: exp.Expr) -> str | None:
    if isinstance(node, _CLOCKS):
        return "clock"
    if isinstance(node, (*_DICE, exp.TableSample)):
        return "dice"
    if isinstance(node, exp.Anonymous):
        if node.name.lower() == "age" and len(node.expressions) == 1:
            return "clock"
        return _NAMES.get(node.name.lower())
    return None


def _unordered(node: exp.Expr) -> tuple[str, str] | None:
    """What depends on the order of rows, and the fix."""
    if isinstance(node, exp.Limit | exp.Fetch):
        query = node.parent
        if query is None or query.args.get("order") or isinstance(query.parent, exp.Exists):
            return None
        return "LIMIT without ORDER BY keeps any rows", "add ORDER BY with a key that no two rows share"
    if isinstance(node, exp.Window) and isinstance(_inner(node.this), _ORDERED):
        return None if node.args.get("order") else (f"{_said(_inner(node.this))} OVER without ORDER BY", "add ORDER BY to OVER")
    if isinstance(node, exp.Distinct) and node.args.get("on"):
        query = node.parent
        ordered = query is not None and query.args.get("order")
        return None if ordered else ("DISTINCT ON without ORDER BY keeps any row", "add ORDER BY")
    if isinstance(node, _TIES) and not isinstance(node.args.get("expression"), exp.Tuple | exp.Struct):
        return f"{_said(node)} keeps any row where its second argument ties", "break ties by a key: (t, id)"
    if isinstance(node, _PICKS) and not _is_ordered(node):
        return f"{_said(node)} depends on the order of rows", f"write {_said(node)}(x ORDER BY …)"
    return None


def _is_ordered(node: exp.Expr) -> bool:
    """Whether an aggregate says in which order it takes rows, in its brackets, its WITHIN GROUP, or its OVER; or sorts after."""
    if node.find(exp.Order):
        return True
    outer = node.parent
    while isinstance(outer, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        outer = outer.parent
    if isinstance(outer, exp.Window | exp.WithinGroup):
        return bool(outer.args.get("order") or isinstance(outer, exp.WithinGroup))
    after = isinstance(outer, exp.ArraySize | exp.ArrayDistinct) or (
        isinstance(outer, exp.Anonymous) and outer.name.lower() in {"list_sort", "array_sort", "len", "list_count", "list_sum"}
    )
    return after or isinstance(outer, exp.Length)


def _inner(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        node = node.this
    return node


def _said(node: exp.Expr) -> str:
    if isinstance(node, exp.TableSample):
        return "a sample of rows"
    if isinstance(node, exp.Anonymous):
        return f"{node.name.lower()}()"
    return node.sql_name().lower() if isinstance(node, exp.Func) else node.sql(dialect="duckdb")


def _line(node: exp.Expr, place: Place) -> int:
    """The first line that holds the node's word; else that of what the node stands in."""
    word = {"tablesample": "sample", "limit": "limit", "fetch": "fetch"}.get(node.key) or _said(node).split("(", 1)[0]
    for number, text in enumerate(place.sql.splitlines(), 1):
        if re.search(re.escape(word), text.partition("--")[0], re.IGNORECASE):
            return number
    outer: exp.Expr | None = node
    while outer is not None and outer.find(exp.Identifier) is None:
        outer = outer.parent
    return line_of(outer) if outer is not None else 1
