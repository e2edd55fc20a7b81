"""Aggregates as common table expressions: one block for all that read the same rows in the same window."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rdl.database import Column as SchemaColumn
from rdl.database import Schema, Table
from rdl.task.predict.expression import Type, Typed, condition, conjoined, type_of
from rdl.task.predict.joins import Joins, key_sql
from rdl.task.predict.names import find_column, find_table, plain
from rdl.task.predict.paths import Path, find_parent, find_path
from rdl.task.predict.refusal import RefusedError
from rdl.task.predict.sentence import Aggregate, Column, Expression, Function, Unit, Window
from rdl.timeline import format_duration

_OF_NUMBERS = (Function.SUM, Function.AVG)
_NOTHING = {
    Function.COUNT: "0",
    Function.COUNT_DISTINCT: "0",
    Function.SUM: "0",
    Function.EXISTS: "false",
    Function.LIST_DISTINCT: "[]",
}


@dataclass(frozen=True)
class Clock:
    """Where windows begin and end in SQL, for the label (`ahead`) or for what is known at the cutoff.

    Attributes:
        horizon: microseconds, which the label's SQL calls `$horizon`.
        ahead: whether rows after the cutoff may be read.
    """

    horizon: int
    ahead: bool

    def known(self, table: Table, alias: str) -> list[str]:
        """By which a row is visible at the cutoff."""
        return [] if table.time is None else [f"{alias}.{plain(table.time)} < {_before(table.lag)}"]

    def seen(self, table: Table, alias: str, window: Window) -> list[str]:
        """By which a row that is joined to those of a window may be read: what is known, and no later than the window."""
        if table.time is None or not self.ahead or window.end <= 0:
            return self.known(table, alias)
        return [f"{alias}.{plain(table.time)} < {self.moment(window.end, window.unit)}"]

    def within(self, table: Table, alias: str, window: Window) -> list[str]:
        """By which a row lies in the window."""
        assert table.time is not None
        time = f"{alias}.{plain(table.time)}"
        since = [] if window.start is None else [f"{time} >= {self.moment(window.start, window.unit)}"]
        if self.ahead or not table.lag:
            return [*since, f"{time} < {self.moment(window.end, window.unit)}"]
        until = [] if window.end == 0 else [f"{time} < {self.moment(window.end, window.unit)}"]
        return [*since, *until, *self.known(table, alias)]

    def moment(self, amount: int, unit: Unit) -> str:
        """`amount` units after the cutoff."""
        if amount == 0:
            return "c.cutoff"
        if self.ahead and unit.fixed and amount * unit.longest == self.horizon:
            return "c.cutoff + $horizon"
        return f"c.cutoff {'+' if amount > 0 else '-'} INTERVAL {abs(amount)} {unit.value.upper()}"


def _before(lag: int) -> str:
    if not lag:
        return "c.cutoff"
    amount, unit = format_duration(lag).upper().split()
    return f"c.cutoff - INTERVAL {amount} {unit.removesuffix('S')}"


@dataclass
class Block:
    """One common table expression while it grows: the entities' keys (name, SQL), its rows, and the aggregates over them."""

    name: str
    entity: tuple[tuple[str, str], ...]
    rows: list[str]
    values: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def add(self, name: str, sql: str, text: str) -> str:
        """The column that holds `sql`; a new one where there is none."""
        for known, value in self.values.items():
            if value == sql:
                return known
        taken = {"cutoff", *(n.lower() for n, _ in self.entity), *self.values}
        free = next(n for n in (name, *(f"{name}_{i}" for i in range(2, 1000))) if n.lower() not in taken)
        self.values[free] = sql
        self.texts.append(" ".join(text.split()))
        return free

    def lines(self) -> list[str]:
        """The block as SQL."""
        values = ", ".join(f"{sql} AS {plain(name)}" for name, sql in self.values.items())
        inside = [
            *(f"-- {text}" for text in self.texts),
            f"SELECT c.cutoff, {', '.join(f'{sql} AS {plain(name)}' for name, sql in self.entity)}, {values}",
            *self.rows,
            "GROUP BY ALL",
        ]
        return [f"{plain(self.name)} AS (", *(f"    {line}" for line in inside), ")"]


class RowScope:
    """What names mean inside an aggregate: columns of its rows, and of the one row of each table that they belong to."""

    def __init__(self, schema: Schema, table: Table, alias: str, joins: Joins) -> None:
        self._schema, self._table, self._alias, self._joins = schema, table, alias, joins

    def column(self, column: Column) -> Typed:
        """A column's value."""
        table = find_table(self._schema, column.table)
        found = find_column(table, column.column)
        alias = self._alias
        if table.name != self._table.name:
            for step in find_parent(self._schema, column.table.at, self._table, table):
                alias = self._joins.parent(alias, step, optional=True)
        return Typed(f"{alias}.{plain(found.name)}", type_of(found.sql_type))

    def aggregate(self, aggregate: Aggregate) -> Typed:
        """Refused: rows are chosen by their columns."""
        raise RefusedError(
            aggregate.at,
            "an aggregate cannot choose the rows of another",
            "compare columns here; aggregates stand after FOR … WHERE",
        )


def build_rows(
    schema: Schema, entity: Table, aggregate: Aggregate, clock: Clock, rows: Sequence[Expression]
) -> tuple[tuple[str, ...], list[str], str, SchemaColumn | None]:
    """What an aggregate reads: the SQL of the key, the lines from FROM to WHERE, the alias of its rows, and its column.

    Raises:
        RefusedError: a name is unknown, the table has no time, or no one path leads to the entity.
    """
    table = find_table(schema, aggregate.table)
    column = None if aggregate.column is None else find_column(table, aggregate.column)
    _check(aggregate, table, column)
    path = find_path(schema, aggregate.table, table, entity, aggregate.via)
    joins = Joins(schema, lambda other, alias: clock.seen(other, alias, aggregate.window), ("c",))
    alias = joins.alias(table.name)
    within = " AND ".join(clock.within(table, alias, aggregate.window))
    key = _walk(schema, joins, alias, path, entity)
    scope = RowScope(schema, table, alias, joins)
    chosen = conjoined([condition(wanted, scope) for wanted in rows])
    if aggregate.function is Function.EXISTS and column is not None:
        chosen.append(f"{alias}.{plain(column.name)} IS NOT NULL")
    lines = ["FROM cutoffs c", f"JOIN {plain(table.name)} {alias} ON {within}", *joins.lines]
    return key, [*lines, *([f"WHERE {' AND '.join(chosen)}"] if chosen else [])], alias, column


def _walk(schema: Schema, joins: Joins, alias: str, path: Path, entity: Table) -> tuple[str, ...]:
    """The SQL of the entity's key's columns, at the end of a path that begins with the rows called `alias`."""
    for step in path[:-1]:
        alias = joins.parent(alias, step, optional=False) if step.up else joins.children(alias, step)
    last = path[-1]
    if not last.up:
        alias = joins.children(alias, last, bounded=False)
    elif (last.reference.key or entity.key) == entity.key:
        named = zip(last.reference.columns, entity.key, strict=True)
        return tuple(key_sql(schema[last.child], alias, column, entity, key) for column, key in named)
    else:
        alias = joins.parent(alias, last, optional=False)
    return tuple(f"{alias}.{plain(key)}" for key in entity.key)


def _check(aggregate: Aggregate, table: Table, column: SchemaColumn | None) -> None:
    function = aggregate.function
    if table.time is None:
        what = f"{table.name} has no time, so its rows lie in no window"
        raise RefusedError(aggregate.table.at, what, f'declare one in rdl.toml: [tables.{plain(table.name)}] time = "…"')
    at = aggregate.table.at if aggregate.column is None else aggregate.column.at
    if column is None:
        if function not in {Function.COUNT, Function.EXISTS}:
            fix = f"name one: {function.value}({table.name}.{table.columns[0].name}, …)"
            raise RefusedError(at, f"{function.value} needs a column, not *", fix)
        return
    kind = type_of(column.sql_type)
    if function in _OF_NUMBERS and kind is not Type.NUMBER:
        raise RefusedError(
            at, f"{function.value} needs a number; {column.name} is {kind.value}", "name a column of numbers, or use COUNT"
        )
    if function in {Function.MIN, Function.MAX} and kind in {Type.OTHER, Type.LIST, Type.BOOLEAN}:
        raise RefusedError(
            at, f"{function.value} needs numbers, texts or times; {column.name} is {kind.value}", "use FIRST, LAST or EXISTS"
        )


def value_sql(aggregate: Aggregate, table: Table, column: SchemaColumn | None, alias: str) -> tuple[str, str, Type]:
    """An aggregate over the rows called `alias`: a name for it, its SQL, and its type."""
    function = aggregate.function
    value = f"{alias}.{plain(column.name)}" if column is not None else "*"
    name = function.value.lower() + ("" if column is None else f"_{column.name}")
    kind = Type.NUMBER if column is None else type_of(column.sql_type)
    match function:
        case Function.COUNT:
            return name, f"count({value})", Type.NUMBER
        case Function.COUNT_DISTINCT:
            return name, f"count(DISTINCT {value})", Type.NUMBER
        case Function.EXISTS:
            return name, "true", Type.BOOLEAN
        case Function.LIST_DISTINCT:
            return name, f"list(DISTINCT {value} ORDER BY {value}) FILTER ({value} IS NOT NULL)", Type.LIST
        case Function.FIRST | Function.LAST:
            assert table.time is not None
            assert column is not None
            order = ", ".join(f"{alias}.{plain(c)}" for c in (table.time, *(table.key or (column.name,))))
            return name, f"arg_{'min' if function is Function.FIRST else 'max'}({value}, ({order}))", kind
        case _:
            return name, f"{function.value.lower()}({value})", kind


def outer_value(function: Function, column: str) -> str:
    """An aggregate's value beside the entity, where nothing to aggregate has a value of its own."""
    nothing = _NOTHING.get(function)
    return column if nothing is None else f"coalesce({column}, {nothing})"
