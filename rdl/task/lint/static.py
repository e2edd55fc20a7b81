"""What the text of a task's queries says about the rows that they read, before anything runs.

Where the text leaves it open (a time inside a function, a table reached by its reference only), nothing is said here, and the run
on changed data decides.
"""

import logging
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rdl.database import Schema, Table
from rdl.task.lint.bounds import Bound
from rdl.task.lint.chance import chance
from rdl.task.lint.finding import Finding, Rule
from rdl.task.lint.place import Place
from rdl.task.lint.reads import Read, Reads, Source, line_of
from rdl.task.task import Kind, Task
from rdl.timeline import format_duration

_NOWHERE = Bound("<", (0, 0), 1)


def read_static(schema: Schema, task: Task, places: tuple[Place, ...]) -> list[Finding]:
    """Everything that the texts of the queries show, in the order of their lines."""
    found: list[Finding] = []
    for place in places:
        tree = parse(place.sql)
        if tree is None:
            fix = "nothing: the run on changed data judges it"
            found.append(place.finding(Rule.NOT_READ, 1, "the text is of a kind that static analysis does not read", fix))
            continue
        sets = place.name == "label" and task.kind in (Kind.MULTILABEL, Kind.RECOMMENDATION)
        found += chance(tree, place, sets=sets)
        reads = Reads(tree, schema, task.grid, task.horizon)
        if place.name == "population":
            found += [] if task.static else _population(reads, place)
        elif task.static or task.autocomplete or task.fixed:
            found += _visible(reads, task, place, reads.columns(reads.root, task.label_column))
        else:
            found += _label(reads, task, place)
    return sorted(dict.fromkeys(found), key=lambda f: (f.query != "population", f.line, f.rule.value))


def parse(sql: str) -> exp.Expr | None:
    """The query's tree, None where sqlglot does not know its form."""
    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except (SqlglotError, RecursionError):
        return None
    finally:
        logger.setLevel(level)
    if not isinstance(tree, exp.Select | exp.SetOperation):
        return None
    for word in tree.find_all(exp.Identifier):  # sqlglot counts a line twice after a parameter
        if "start" in word.meta:
            word.meta["line"] = sql.count("\n", 0, word.meta["start"]) + 1
    return tree


def _upper(read: Read) -> Bound | None:
    """The tightest bound on how late a read's rows may be."""
    bounds = [bound for bound in read.bounds if bound.upper]
    return min(bounds, key=lambda b: (b.offset[1], b.operator != "<"), default=None)


def _lower(read: Read) -> Bound | None:
    """The tightest bound on how early a read's rows may be."""
    bounds = [bound for bound in read.bounds if bound.lower]
    return max(bounds, key=lambda b: (b.offset[0], b.operator == ">"), default=None)


def _left_to_the_run(read: Read) -> bool:
    """Whether the text does not say which rows are read: an unread condition, or a reference to a bounded read."""
    return read.unsure or (not read.bounds and any(other.bounds or other.unsure for other in read.tied))


def _population(reads: Reads, place: Place) -> Iterator[Finding]:
    for read in reads:
        time = read.table.time
        bound = _upper(read)
        if time is None:
            yield from _unseen(read, reads, place)
        if time is None or (bound is None and _left_to_the_run(read)):
            continue
        name = read.table.name
        before = f"{read.node.alias_or_name}.{time} < {'.'.join(_grid(reads))}"
        if bound is None:
            what = f"the population reads every row of {name}, those at or after the cutoff too"
            yield place.finding(Rule.POPULATION_UNBOUNDED, read.line, what, f"add: {before}", name)
        elif bound.offset[0] > 0:
            what = f"the population reads rows of {name} after the cutoff"
            yield place.finding(Rule.POPULATION_AFTER_CUTOFF, bound.line, what, f"write {before}", name)
        elif bound.offset[1] == 0 and bound.operator != "<":
            what = f"the population reads rows of {name} at the cutoff itself, which are the future"
            yield place.finding(Rule.POPULATION_AT_CUTOFF, bound.line, what, f"write {before}", name)
        elif bound.offset[1] > -read.table.lag:
            lag = format_duration(read.table.lag)
            what = f"rows of {name} arrive {lag} late, so the population reads some that are not there yet"
            fix = f"write {before.replace(' <', f' + INTERVAL {lag!r} <')}"
            yield place.finding(Rule.POPULATION_LAG, bound.line, what, fix, name)


def _unseen(read: Read, reads: Reads, place: Place) -> Iterator[Finding]:
    """A table without a time whose parent has one, read apart from that parent: its rows of the future are read too."""
    name = read.table.name
    parents = {reference.table for reference in read.table.references if reads.is_timed(reference.table)}
    if parents and not any(other.table.name in parents for other in read.tied):
        parent = min(parents)
        what = f"the population reads every row of {name}, which has no time, those of later rows of {parent} too"
        fix = f"join {parent} by its reference, with its time before the cutoff; or give {name} a time in rdl.toml"
        yield place.finding(Rule.POPULATION_UNBOUNDED, read.line, what, fix, name)


def _grid(reads: Reads) -> tuple[str, str]:
    """How the query calls the cutoff."""
    table, column = reads.grid
    for scope in reads.scopes:
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table) and source.name.lower() == table:
                return alias, column
    return table, column


def _label(reads: Reads, task: Task, place: Place) -> Iterator[Finding]:
    sources = [(read, name) for read, name in reads.columns(reads.root, task.label_column) if isinstance(read, Read)]
    entity = task.entity_table
    made = {id(read): read for read, name in sources if name != "*" or read.table.name != entity}
    past: list[Read] = []
    ahead = any(read.unsure or ((_upper(read) or _NOWHERE).offset[1] > 0) for read in reads)
    for read in made.values():
        upper = _upper(read)
        if read.table.time is None:
            timeless = list(_timeless(read, reads, place))
            ahead |= bool(timeless)
            yield from timeless
        elif upper is not None and upper.offset[1] <= 0:
            past.append(read)
        elif upper is None and _left_to_the_run(read):
            ahead = True
        elif upper is not None or _lower(read) is not None or not _own(read, task, sources):
            ahead = True
            yield from _window(read, task, reads, place)
    if not ahead:
        yield from _nothing_ahead(reads, task, place, sources, past)
    yield from _selection(reads, task, place, set(made))


def _own(read: Read, task: Task, sources: list[tuple[Read, str]]) -> bool:
    """Whether a read is the entity's own row, of which the label takes columns."""
    return read.table.name == task.entity_table and any(r is read and name != "*" for r, name in sources)


def _window(read: Read, task: Task, reads: Reads, place: Place) -> Iterator[Finding]:
    """What is wrong with the window in which the label reads a table."""
    name, upper, lower = read.table.name, _upper(read), _lower(read)
    cutoff = ".".join(_grid(reads))
    time = f"{read.node.alias_or_name}.{read.table.time}"
    end = f"{time} {'<=' if task.closed else '<'} {cutoff} + " + ("INTERVAL '{timedelta}'" if task.closed else "$horizon")
    if upper is None:
        if not read.unsure:
            what = f"the label reads rows of {name} without an end"
            yield place.finding(Rule.LABEL_NO_END, lower.line if lower else read.line, what, f"add: {end}", name)
    elif upper.offset[0] > task.horizon:
        what = f"the label reads rows of {name} beyond the horizon of {format_duration(task.horizon)}"
        yield place.finding(Rule.LABEL_BEYOND, upper.line, what, f"write {end}, or set a longer horizon", name)
    elif upper.offset == (task.horizon, task.horizon) and upper.operator != "<" and not task.closed:
        what = f"the label reads rows of {name} at the horizon's end itself, when it is already used"
        yield place.finding(Rule.LABEL_BEYOND, upper.line, what, f"write {end} (BETWEEN includes both ends)", name)
    if lower is None:
        if not read.unsure and not _led(read):
            what = f"the label reads all rows of {name} before the cutoff as well"
            yield place.finding(Rule.LABEL_NO_START, upper.line if upper else read.line, what, f"add: {time} >= {cutoff}", name)
    elif lower.offset[1] < 0:
        what = f"the label reads rows of {name} before the cutoff as well"
        yield place.finding(Rule.LABEL_STARTS_EARLY, lower.line, what, f"write {time} >= {cutoff}", name)
    elif lower.offset == (0, 0) and lower.operator == ">" and not task.closed:
        what = f"rows of {name} at the cutoff itself are read by neither the label nor the features"
        yield place.finding(Rule.LABEL_SKIPS_CUTOFF, lower.line, what, f"write {time} >= {cutoff}", name)


def _led(read: Read) -> bool:
    """Whether a read's rows are those that rows with a start of their own refer to: they may be as old as they like."""
    return any(_lower(child) and any(r.table == read.table.name for r in child.table.references) for child in read.tied)


def _timeless(read: Read, reads: Reads, place: Place) -> Iterator[Finding]:
    """A table without a time whose parent has one: its rows are visible to features before they exist."""
    parents = {reference.table for reference in read.table.references}
    timed = [other.table for other in reads if other.table.name in parents and other.table.time is not None]
    if timed:
        name, parent = read.table.name, timed[0]
        what = f"the label reads {name}, which has no time: features see its rows of the future too"
        fix = f"give {name} a time in rdl.toml, such as that of {parent.name}.{parent.time}"
        yield place.finding(Rule.LABEL_TIMELESS, read.line, what, fix, name)


def _visible(reads: Reads, task: Task, place: Place, sources: list[Source]) -> Iterator[Finding]:
    """A label that has no time to lie ahead in, and is made of nothing that is hidden."""
    made = [(read, name) for read, name in sources if isinstance(read, Read)]
    hidden = {(table, column.lower()) for table, column in task.hide}
    if not made or any((read.table.name, name) in hidden or name in _hides(read.table) for read, name in made):
        return
    read, name = made[0]
    output = reads.output(reads.root, task.label_column)
    said = f"the rows of {read.table.name}" if name == "*" else f"{read.table.name}.{name}"
    what = f"the label is made of {said}, which what predicts it reads too: nothing of it is hidden"
    fix = f"hide what the label is made of, in the task's header: hide = ['{read.table.name}.{'COLUMN' if name == '*' else name}']"
    yield place.finding(Rule.LABEL_IS_FEATURE, line_of(output) if output else read.line, what, fix, read.table.name)


def _hides(table: Table) -> set[str]:
    return {column.lower() for column in table.hide}


def _nothing_ahead(reads: Reads, task: Task, place: Place, sources: list[tuple[Read, str]], past: list[Read]) -> Iterator[Finding]:
    """A label that is no question about the future."""
    if past:
        bound = _upper(past[0])
        names = ", ".join(sorted({read.table.name for read in past}))
        what = f"the label reads only rows of {names} before the cutoff: there is nothing to predict"
        fix = f"read [{'.'.join(_grid(reads))}, + $horizon)"
        yield place.finding(Rule.LABEL_PAST, bound.line if bound else past[0].line, what, fix, past[0].table.name)
        return
    hidden = {(table, column.lower()) for table, column in task.hide}
    columns = [
        (read, name)
        for read, name in sources
        if name in {c.name.lower() for c in read.table.features} and (read.table.name, name) not in hidden
    ]
    if columns:
        read, name = columns[0]
        output = reads.output(reads.root, task.label_column)
        what = f"the label is made of {read.table.name}.{name} alone, which is a feature too"
        fix = f"hide it: [tables.{read.table.name}] hide = [{name!r}], or read rows after the cutoff"
        yield place.finding(Rule.LABEL_IS_FEATURE, line_of(output) if output else read.line, what, fix, read.table.name)


def _selection(reads: Reads, task: Task, place: Place, made: set[int]) -> Iterator[Finding]:
    """Who is asked, where rows after the cutoff decide it."""
    if task.population_sql is None:
        made_of = [source for column in task.entity_columns for source in reads.columns(reads.root, column)]
        keys = [read for read, _ in made_of if isinstance(read, Read)]
        future = [read for read in keys if read.table.time is not None and _may_be_future(read)]
        if future:
            output = reads.output(reads.root, task.entity_columns[0])
            name = future[0].table.name
            what = f"only those with a row of {name} after the cutoff are asked about: the population knows the future"
            fix = "for scoring rdl takes those who were lately asked about; a `-- population` query of its own says it better"
            yield place.finding(Rule.POPULATION_FROM_FUTURE, line_of(output) if output else 1, what, fix, name)
    asked = {id(read) for scope in reads.root.subquery_scopes for read in reads.beneath(scope)} - made
    for read in reads:
        if id(read) in asked and read.table.time is not None and not read.unsure and _may_be_future(read):
            name, bound = read.table.name, _lower(read)
            what = f"rows of {name} after the cutoff decide who has a label"
            fix = f"add: {read.node.alias_or_name}.{read.table.time} < {'.'.join(_grid(reads))}"
            yield place.finding(Rule.SELECTED_BY_FUTURE, bound.line if bound else read.line, what, fix, name)


def _may_be_future(read: Read) -> bool:
    bound = _upper(read)
    return bound is None or bound.offset[1] > 0
