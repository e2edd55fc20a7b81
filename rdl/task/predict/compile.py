"""From a sentence to the text of a task file, as a person would have written it.

The sentence is sugar: what is learned is what the SQL says, and the file is read by the code that reads every other task file.
"""

from dataclasses import dataclass

from rdl.database import Database, Schema, Table
from rdl.task.header import AUTOCOMPLETE
from rdl.task.predict.blocks import Clock
from rdl.task.predict.document import LEFT_OUT, choose_dates, header, name_of, notes, what, who
from rdl.task.predict.expression import Type, Typed, translate
from rdl.task.predict.kinds import Question, question_of
from rdl.task.predict.names import find_column, find_table, plain
from rdl.task.predict.parse import parse
from rdl.task.predict.query import ENTITY, Query
from rdl.task.predict.refusal import RefusedError, SentenceError
from rdl.task.predict.sentence import Aggregate, Binary, Expression, Function, Literal, OneOf, Sentence, Unary, aggregates
from rdl.timeline import DAY

_STEP = 30 * DAY  # between the cutoffs of an autocomplete task


@dataclass(frozen=True)
class Compiled:
    """A task file.

    Attributes:
        name: the task's.
        kind: as its header says.
        text: the whole file.
    """

    name: str
    kind: str
    text: str


def compile_sentence(
    text: str, database: Database, name: str | None = None, validate: int | None = None, test: int | None = None
) -> Compiled:
    """The task file of a sentence, its split dates chosen by the data where they are not given.

    FOR names the entities by their key: where that is several columns, by any one of them, and the queries give them all.

    Raises:
        SentenceError: the sentence is wrong, or does not fit the schema.
    """
    sentence = parse(text)
    try:
        return _compile(text, sentence, database, name, validate, test)
    except RefusedError as refused:
        raise SentenceError(text, refused) from None


def _compile(
    text: str, sentence: Sentence, database: Database, name: str | None, validate: int | None, test: int | None
) -> Compiled:
    schema = database.schema
    entity = _entity(schema, sentence)
    horizon = max([a.window.reach for a in aggregates(sentence.target) if a.window.end > 0], default=_STEP)
    label = Query(schema, entity, Clock(horizon, ahead=True), _rows(sentence))
    target = translate(sentence.target, label)
    question = question_of(schema, entity, sentence, target)
    recent = question.kind == AUTOCOMPLETE and entity.time is not None
    known = _recent(entity) if recent else None
    lag = max([entity.lag, *(find_table(schema, a.table).lag for a in aggregates(sentence.target))])
    timeless = question.kind == AUTOCOMPLETE and all(t.time is None for t in schema.tables.values())
    dates = None if timeless else choose_dates(database.span, horizon, lag, validate, test)
    called = name or name_of(sentence)
    asked = Query(schema, entity, Clock(horizon, ahead=False))
    population = asked.sql(None, [asked.condition(part) for part in _parts(sentence.population)], known)
    lines = [
        *header(called, entity, question, sentence, horizon, dates),
        f"-- {' '.join(text.split())}",
        *(f"--   {note}" for note in notes(sentence, question, dates)),
        f"-- population: {who(entity, sentence, question)}",
        f"{population};",
        "",
        f"-- label: {what(sentence, question)}",
        _label_sql(label, sentence, target, question, known),
        "",
    ]
    return Compiled(called, question.kind, "\n".join(lines))


def _entity(schema: Schema, sentence: Sentence) -> Table:
    """Whom the sentence is about: a table, by its key; any one column of a key of several names the whole key."""
    table = find_table(schema, sentence.entity.table)
    column = find_column(table, sentence.entity.column)
    if not table.key:
        fix = f'declare one in rdl.toml: [tables.{plain(table.name)}] key = "…"'
        raise RefusedError(sentence.entity.at, f"{table.name} has no key, so no query can name its rows", fix)
    if column.name not in table.key:
        keys = " or ".join(f"{table.name}.{key}" for key in table.key)
        what = f"{column.name} is not {'the key' if len(table.key) == 1 else 'of the key'} of {table.name}"
        raise RefusedError(sentence.entity.column.at, what, f"write {keys}")
    return table


def _rows(sentence: Sentence) -> Expression | None:
    """What WHERE before FOR says of the rows that the target's aggregates read."""
    if found := next(aggregates(sentence.rows), None):
        raise RefusedError(
            found.at, "WHERE before FOR chooses rows, by their columns", "write conditions with aggregates after FOR … WHERE"
        )
    return sentence.rows


def _parts(node: Expression | None) -> list[Expression]:
    """The conditions that AND joins, one by one."""
    if node is None:
        return []
    if isinstance(node, Binary) and node.operator == "AND":
        return [*_parts(node.left), *_parts(node.right)]
    return [node]


def _recent(entity: Table) -> list[str]:
    time = f"{ENTITY}.{plain(entity.time or '')}"
    return [f"{time} >= c.cutoff - $horizon", *Clock(0, ahead=False).known(entity, ENTITY)]


def _label_sql(query: Query, sentence: Sentence, target: Typed, question: Question, known: list[str] | None) -> str:
    """The label query: what has no value is left out, and numbers that are no counts are floating."""
    conditions = []
    if question.kind == AUTOCOMPLETE and sentence.rows is not None:
        conditions = [query.condition(part) for part in _parts(sentence.rows)]
    if question.kind == "recommendation":
        conditions.append(Typed(f"len({target.sql}) > 0", Type.BOOLEAN))
    elif not _total(sentence.target):
        conditions.append(Typed(f"{target.within(8)} IS NOT NULL", Type.BOOLEAN))
    count = isinstance(sentence.target, Aggregate) and sentence.target.function in {Function.COUNT, Function.COUNT_DISTINCT}
    floating = question.kind == "regression" and not count
    return query.sql(f"{target.within(8)}::DOUBLE" if floating else target.sql, conditions, known)


def _total(node: object) -> bool:
    """Whether an expression has a value whatever the rows are."""
    match node:
        case Aggregate():
            return node.function not in LEFT_OUT
        case Binary():
            return node.operator != "/" and _total(node.left) and _total(node.right)
        case Unary():
            return node.operator in {"IS NULL", "IS NOT NULL"} or _total(node.operand)
        case OneOf():
            return _total(node.operand)
        case _:
            return isinstance(node, Literal)
