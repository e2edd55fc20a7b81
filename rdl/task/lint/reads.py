"""Which rows a query reads: every mention of a table, with the conditions that tie its time to the cutoff.

Aliases, common table expressions, derived tables, unions and correlated subqueries are followed to the tables that they name. What
cannot be followed marks the reads that it mentions as unsure, and they are left to the run on changed data.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from rdl.database import Schema, Table
from rdl.task.lint.bounds import FLIPPED, OPERATORS, Bound, Span, duration, minus, plus

GRID = "the grid"
_TIMES = {"timestamp", "timestamptz", "timestampntz", "datetime", "timestamp_ns", "timestamp_ms", "timestamp_s"}


@dataclass(eq=False)
class Read:
    """One mention of a table in a query.

    Attributes:
        bounds: the conditions on its time that hold for every row that is read.
        unsure: whether some condition on its time could not be read.
        tied: reads to which it is joined by a reference, parent or child.
    """

    table: Table
    node: exp.Table
    scope: Scope
    bounds: list[Bound] = field(default_factory=list)
    unsure: bool = False
    tied: list["Read"] = field(default_factory=list)

    @property
    def line(self) -> int:
        """The line of the query that names the table."""
        return line_of(self.node)


Source = tuple[Read | str, str]
"""What a column comes from: a read or the grid, and the column's name there."""


def line_of(node: exp.Expr) -> int:
    """The line of the first word of an expression whose place is known; 1 where none is."""
    return min((word.meta["line"] for word in node.find_all(exp.Identifier) if "line" in word.meta), default=1)


def conjuncts(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The parts of a condition that must all hold."""
    if isinstance(node, exp.And):
        yield from conjuncts(node.this)
        yield from conjuncts(node.expression)
    elif isinstance(node, exp.Paren):
        yield from conjuncts(node.this)
    elif node is not None:
        yield node


class Reads:
    """The reads of one query, with their bounds.

    Args:
        tree: the query.
        schema: the database's tables.
        grid: the grid's table and cutoff column.
        horizon: what `$horizon` stands for, microseconds.
    """

    def __init__(self, tree: exp.Expr, schema: Schema, grid: tuple[str, str], horizon: int) -> None:
        self.scopes = traverse_scope(tree)
        self.root = self.scopes[-1]
        self.grid = (grid[0].lower(), grid[1].lower())
        self._horizon = horizon
        self._tables = {name.lower(): table for name, table in schema.tables.items()}
        self._by_query = {id(scope.expression): scope for scope in self.scopes}
        self._reads: dict[int, Read] = {}
        uses: Counter[int] = Counter()
        for scope in self.scopes:
            for _, source in scope.selected_sources.values():
                uses[id(source)] += isinstance(source, Scope)
                if isinstance(source, exp.Table) and source.name.lower() in self._tables:
                    self._reads[id(source)] = Read(self._tables[source.name.lower()], source, scope)
        self._shared = {key for key, count in uses.items() if count > 1}
        self._seen: set[int] = set()
        for scope in self.scopes:
            self._bind(scope)
        self._mark_unsure()

    def __iter__(self) -> Iterator[Read]:
        return iter(self._reads.values())

    def is_timed(self, table: str) -> bool:
        """Whether the database's table has a time."""
        return self._tables[table.lower()].time is not None

    def within(self, scope: Scope) -> list[Read]:
        """The reads of a query's FROM, and of the derived tables there."""
        found = []
        for source in _sources(scope):
            if isinstance(source, Scope):
                found += self.within(source)
            elif id(source) in self._reads:
                found.append(self._reads[id(source)])
        return found

    def beneath(self, scope: Scope) -> list[Read]:
        """The same with the reads of the subqueries in its conditions and results."""
        below = [read for inner in scope.subquery_scopes for read in self.beneath(inner)]
        return [*self.within(scope), *below]

    def columns(self, scope: Scope, name: str) -> list[Source]:
        """The columns that an output column of a query is made from; `*` for a count of rows."""
        if scope.set_operation_scopes:
            names = [n.lower() for n in _outputs(scope)]
            index = names.index(name.lower()) if name.lower() in names else -1
            parts = [(part, _outputs(part)) for part in scope.set_operation_scopes]
            return [s for part, outputs in parts if 0 <= index < len(outputs) for s in self.columns(part, outputs[index])]
        output = self.output(scope, name)
        return self._made_from(scope, output) if output is not None else []

    def output(self, scope: Scope, name: str) -> exp.Expr | None:
        """The expression behind an output column of a plain SELECT."""
        for select in getattr(scope.expression, "selects", []):
            if select.alias_or_name.lower() == name.lower():
                return select.unalias()
        if any(select.is_star for select in getattr(scope.expression, "selects", [])):
            return exp.column(name)
        return None

    def resolve(self, scope: Scope | None, column: exp.Column) -> Source | None:
        """The table's column, or the cutoff, that a plain column is; None where it is neither."""
        name, alias = column.name.lower(), column.table.lower()
        while scope is not None:
            for known, (_, source) in scope.selected_sources.items():
                if (not alias or known.lower() == alias) and self._has(source, name):
                    return self._follow(source, name)
            scope = scope.parent
        return None

    def _has(self, source: exp.Table | Scope, name: str) -> bool:
        if isinstance(source, Scope):
            plain = source.set_operation_scopes[0] if source.set_operation_scopes else source
            selects = getattr(plain.expression, "selects", [])
            if name in {select.alias_or_name.lower() for select in selects}:
                return True
            starred = any(select.is_star for select in selects)
            return starred and any(self._has(inner, name) for _, inner in plain.selected_sources.values())
        if id(source) in self._reads:
            return name in {column.name.lower() for column in self._reads[id(source)].table.columns}
        return (source.name.lower(), name) == self.grid

    def _follow(self, source: exp.Table | Scope, name: str) -> Source | None:
        if isinstance(source, exp.Table):
            return (self._reads[id(source)], name) if id(source) in self._reads else (GRID, name)
        if source.set_operation_scopes:
            return None
        output = self.output(source, name)
        while isinstance(output, exp.Paren):
            output = output.this
        return self.resolve(source, output) if isinstance(output, exp.Column) else None

    def _made_from(self, scope: Scope, node: exp.Expr) -> list[Source]:
        """Every column that an expression reads, in subqueries too."""
        found: list[Source] = []
        for part in node.walk(prune=lambda n: isinstance(n, exp.Query)):
            inner = self._by_query.get(id(part.unnest())) if isinstance(part, exp.Query) else None
            if inner is not None:
                found += [(read, "*") for read in self.beneath(inner)]
            elif isinstance(part, exp.Column) and not part.is_star:
                found += self._origins(scope, part)
            elif isinstance(part, exp.Star):
                found += [(read, "*") for read in self.within(scope)]
        return found

    def _origins(self, scope: Scope | None, column: exp.Column) -> list[Source]:
        name, alias = column.name.lower(), column.table.lower()
        while scope is not None:
            for known, (_, source) in scope.selected_sources.items():
                if (not alias or known.lower() == alias) and self._has(source, name):
                    if isinstance(source, Scope):
                        return self.columns(source, name)
                    followed = self._follow(source, name)
                    return [followed] if followed else []
            scope = scope.parent
        return []

    def _bind(self, scope: Scope) -> None:
        """Note the bounds that a query's conditions set, and which reads its references join."""
        query = scope.expression
        if not isinstance(query, exp.Select):
            return
        where = query.args.get("where")
        for part in conjuncts(where.this if where else None):
            self._note(scope, part, None)
        for join in query.args.get("joins") or []:
            outer = str(join.args.get("side") or "").upper()
            only = {"LEFT": join.this.alias_or_name.lower(), "RIGHT": "", "FULL": ""}.get(outer)
            for part in conjuncts(join.args.get("on")):
                self._note(scope, part, only)
            names = [exp.column(using.name) for using in join.args.get("using") or []]
            for name in names:
                self._tie_named(scope, name.name.lower())

    def _note(self, scope: Scope, part: exp.Expr, only: str | None) -> None:
        """One conjunct: a bound, a join by reference, or neither."""
        if isinstance(part, exp.Between):
            low, high = part.args["low"], part.args["high"]
            known = [self._compare(scope, part.this, ">=", low, only), self._compare(scope, part.this, "<=", high, only)]
            if all(known):
                self._seen.add(id(part))
            return
        operator = OPERATORS.get(type(part))
        if operator is None:
            return
        if self._compare(scope, part.this, operator, part.args["expression"], only):
            self._seen.add(id(part))
        elif operator == "=":
            self._tie(scope, part.this, part.args["expression"])

    def _compare(self, scope: Scope, left: exp.Expr, operator: str, right: exp.Expr, only: str | None) -> bool:
        """Note `left OPERATOR right` where one side is a table's time and the other the cutoff."""
        a, b = self._moment(scope, left), self._moment(scope, right)
        if a is None or b is None or isinstance(a[0], Read) == isinstance(b[0], Read):
            return False
        if isinstance(b[0], Read):
            a, b, operator = b, a, FLIPPED[operator]
        read = a[0]
        assert isinstance(read, Read)
        if (only is not None and not self._belongs(scope, read, only)) or not self._alone(scope, read):
            return False
        read.bounds.append(Bound(operator, minus(b[1], a[1]), line_of(left)))
        return True

    def _belongs(self, scope: Scope, read: Read, alias: str) -> bool:
        """Whether a read stands behind an alias of the query's FROM."""
        for known, (_, source) in scope.selected_sources.items():
            if known.lower() == alias:
                return read in self.within(source) if isinstance(source, Scope) else source is read.node
        return False

    def _alone(self, scope: Scope, read: Read) -> bool:
        """Whether a condition of `scope` holds for every use of the read: no shared expression lies between them."""
        if read.scope is scope:
            return True
        for source in _sources(scope):
            if isinstance(source, Scope) and read in self.within(source):
                return id(source) not in self._shared and self._alone(source, read)
        return False

    def _moment(self, scope: Scope, node: exp.Expr) -> tuple[Read | str, Span] | None:
        """A table's time or the cutoff, and what is added to it."""
        match node:
            case exp.Paren():
                return self._moment(scope, node.this)
            case exp.Cast() if node.to.this.value.lower() in _TIMES:
                return self._moment(scope, node.this)
            case exp.Column():
                found = self.resolve(scope, node)
                if found is None or (isinstance(found[0], Read) and (found[0].table.time or "").lower() != found[1]):
                    return None
                return found[0], (0, 0)
            case exp.Add() | exp.Sub() | exp.DateAdd() | exp.DateSub():
                return self._shifted(scope, node)
        return None

    def _shifted(self, scope: Scope, node: exp.Expr) -> tuple[Read | str, Span] | None:
        base, shift = self._moment(scope, node.this), duration(node.args["expression"], self._horizon)
        if base is None and isinstance(node, exp.Add):
            base, shift = self._moment(scope, node.args["expression"]), duration(node.this, self._horizon)
        if base is None or shift is None:
            return None
        later = isinstance(node, exp.Add | exp.DateAdd)
        return base[0], plus(base[1], shift) if later else minus(base[1], shift)

    def _tie(self, scope: Scope, left: exp.Expr, right: exp.Expr) -> None:
        if not (isinstance(left, exp.Column) and isinstance(right, exp.Column)):
            return
        a, b = self.resolve(scope, left), self.resolve(scope, right)
        if a and b and isinstance(a[0], Read) and isinstance(b[0], Read):
            self._tie_reads((a[0], a[1]), (b[0], b[1]))

    def _tie_named(self, scope: Scope, name: str) -> None:
        reads = [read for read in self.within(scope) if name in {c.name.lower() for c in read.table.columns}]
        for i, a in enumerate(reads):
            for b in reads[i + 1 :]:
                self._tie_reads((a, name), (b, name))

    def _tie_reads(self, a: tuple[Read, str], b: tuple[Read, str]) -> None:
        """Tie two reads whose equal columns are a reference of one to the other, or the same table's key."""
        for (child, column), (parent, _) in ((a, b), (b, a)):
            references = [r for r in child.table.references if column in {c.lower() for c in r.columns}]
            if any(r.table == parent.table.name for r in references):
                child.tied.append(parent)
                parent.tied.append(child)

    def _mark_unsure(self) -> None:
        """Every other condition on a table's time, wherever it stands, leaves its read unsure."""
        for scope in self.scopes:
            for column in scope.columns:
                read, name = self.resolve(scope, column) or (GRID, "")
                if isinstance(read, Read) and (read.table.time or "").lower() == name and self._conditional(column):
                    read.unsure = True

    def _conditional(self, column: exp.Expr) -> bool:
        """Whether a column stands in a condition that was not read as a bound."""
        node: exp.Expr | None = column
        while node is not None and not isinstance(node, exp.Query):
            if id(node) in self._seen:
                return False
            if isinstance(node, exp.Predicate | exp.Between):
                return True
            node = node.parent
        return False


def _sources(scope: Scope) -> list[exp.Table | Scope]:
    if scope.set_operation_scopes:
        return list(scope.set_operation_scopes)
    return [source for _, source in scope.selected_sources.values()]


def _outputs(scope: Scope) -> list[str]:
    query = scope.expression
    return query.named_selects if isinstance(query, exp.Query) else []
