"""One of the two queries of a task: the entities at each cutoff, with what is known or becomes of them."""

from rdl.database import Schema, Table
from rdl.task.predict.blocks import Block, Clock, RowScope, build_rows, outer_value, value_sql
from rdl.task.predict.expression import Typed, condition, conjoined
from rdl.task.predict.joins import Joins
from rdl.task.predict.names import find_table, plain
from rdl.task.predict.refusal import RefusedError
from rdl.task.predict.sentence import Aggregate, Column, Expression

ENTITY = "e"


class Query:
    """A SELECT that grows as an expression is translated in its scope.

    Args:
        schema: the database's.
        entity: whom it is about.
        clock: which rows it may read.
        rows: which rows all of its aggregates read, beside what stands inside them.
    """

    def __init__(self, schema: Schema, entity: Table, clock: Clock, rows: Expression | None = None) -> None:
        self._schema, self._entity, self._clock = schema, entity, clock
        self._rows = rows
        self._blocks: dict[tuple[tuple[str, ...], ...], tuple[Block, str]] = {}
        self._names = ("entity",) if len(entity.key) == 1 else entity.key  # what a block calls the key's columns
        self._joins = Joins(schema, clock.known, ("c", ENTITY))
        self._columns = RowScope(schema, entity, ENTITY, self._joins)

    def column(self, column: Column) -> Typed:
        """A column of the entity, or of what it belongs to."""
        return self._columns.column(column)

    def aggregate(self, aggregate: Aggregate) -> Typed:
        """An aggregate, joined to the entity.

        Raises:
            RefusedError: it reads what may not be read here, or something in it does not fit.
        """
        window = aggregate.window
        if not self._clock.ahead and window.end > 0:
            plural = "s" if window.end > 1 else ""
            what = f"the window ends {window.end} {window.unit.value}{plural} after the cutoff, which nobody knows when asking"
            raise RefusedError(window.at, what, f"choose whom to ask by the past: -{window.end}, 0, {window.unit.value}s")
        rows = [r for r in (self._rows, aggregate.rows) if r is not None]
        key, lines, alias, column = build_rows(self._schema, self._entity, aggregate, self._clock, rows)
        table = find_table(self._schema, aggregate.table)
        name, sql, kind = value_sql(aggregate, table, column, alias)
        block, joined = self._block(table, aggregate, key, lines)
        value = block.add(name, sql, aggregate.text)
        return Typed(outer_value(aggregate.function, f"{joined}.{plain(value)}"), kind)

    def sql(self, label: str | None, conditions: list[Typed], known: list[str] | None = None) -> str:
        """The whole SELECT.

        Args:
            label: the SQL of the label, None for a population.
            conditions: what must hold of an entity.
            known: by which entities are there; those that are known at the cutoff by default.
        """
        blocks = [block.lines() for block, _ in self._blocks.values()]
        lines = []
        for i, text in enumerate(blocks):
            more = "," if i < len(blocks) - 1 else ""
            first, *inside, last = text
            lines += [f"WITH {first}" if i == 0 else first, *inside, last + more]
        chosen = "" if label is None else f", {label} AS label"
        table, keys = plain(self._entity.name), [f"{ENTITY}.{plain(key)}" for key in self._entity.key]
        there = self._clock.known(self._entity, ENTITY) if known is None else known
        lines.append(f"SELECT c.cutoff, {', '.join(keys)}{chosen}")
        lines.append("FROM cutoffs c")
        lines.append(f"JOIN {table} {ENTITY} ON {' AND '.join(there)}" if there else f"CROSS JOIN {table} {ENTITY}")
        lines += self._joins.lines
        for block, alias in self._blocks.values():
            same = "".join(f" AND {alias}.{plain(name)} = {key}" for name, key in zip(self._names, keys, strict=True))
            lines.append(f"LEFT JOIN {plain(block.name)} {alias} ON {alias}.cutoff = c.cutoff{same}")
        wanted = conjoined(conditions)
        lines += [f"{'WHERE' if i == 0 else '    AND'} {c}" for i, c in enumerate(wanted)]
        return "\n".join(lines)

    def condition(self, node: Expression) -> Typed:
        """A condition on entities."""
        return condition(node, self)

    def _block(self, table: Table, aggregate: Aggregate, key: tuple[str, ...], lines: list[str]) -> tuple[Block, str]:
        """The block that reads these rows, and its alias beside the entity."""
        place = (key, tuple(lines))
        if place not in self._blocks:
            name = f"{table.name}_{'ahead' if aggregate.window.end > 0 else 'before'}"
            used = (
                {n.lower() for n in self._schema.tables} | {block.name.lower() for block, _ in self._blocks.values()} | {"cutoffs"}
            )
            free = next(n for n in (name, *(f"{name}_{i}" for i in range(2, 1000))) if n.lower() not in used)
            self._blocks[place] = (Block(free, tuple(zip(self._names, key, strict=True)), lines), self._joins.alias(free))
        return self._blocks[place]
