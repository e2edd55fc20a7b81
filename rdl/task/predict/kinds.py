"""Which kind of question a target is."""

from dataclasses import dataclass

from rdl.database import Schema, Semantic, Table
from rdl.task.header import AUTOCOMPLETE, meant_kind
from rdl.task.predict.expression import Type, Typed
from rdl.task.predict.names import find_column, find_table
from rdl.task.predict.refusal import RefusedError
from rdl.task.predict.sentence import Aggregate, Column, Function, Sentence, aggregates
from rdl.task.task import DEFAULT_METRIC, Kind

_CLASSES = (Semantic.CATEGORICAL, Semantic.IDENTIFIER, Semantic.TEXT)


@dataclass(frozen=True)
class Question:
    """What a target asks.

    Attributes:
        kind: as the task file's header names it.
        meaning: for autocomplete, what kind of value the hidden column holds.
        target_table: for a recommendation, the table whose rows are ranked.
    """

    kind: str
    meaning: str | None = None
    target_table: str | None = None

    @property
    def metric(self) -> str:
        """The metric that judges it by default."""
        return DEFAULT_METRIC[Kind(self.meaning or self.kind)]


def question_of(schema: Schema, entity: Table, sentence: Sentence, target: Typed) -> Question:
    """What the translated target asks.

    Raises:
        RefusedError: it asks nothing that can be learned: the past, a time, a list that is no ranking.
    """
    node = sentence.target
    found = list(aggregates(node))
    if sentence.top is not None and not (isinstance(node, Aggregate) and node.function is Function.LIST_DISTINCT):
        raise RefusedError(
            sentence.top_at,
            "RANK TOP ranks the rows that a LIST_DISTINCT names",
            "write LIST_DISTINCT(table.reference, …) RANK TOP k",
        )
    if not found:
        return _autocomplete(schema, entity, node)
    if all(a.window.end <= 0 for a in found):
        raise RefusedError(found[0].window.at, "the target reads only the past, which is known already", "look ahead: 0, 30, days")
    if target.type is Type.BOOLEAN:
        return Question("binary")
    if isinstance(node, Aggregate) and node.column is not None:
        table = find_table(schema, node.table)
        column = find_column(table, node.column)
        if node.function is Function.LIST_DISTINCT:
            return _list(sentence, table, column.name)
        named = {c for r in table.references for c in r.columns} | set(table.key)
        if node.function in {Function.FIRST, Function.LAST} and target.type in {Type.NUMBER, Type.TEXT}:
            return Question(
                "multiclass" if target.type is Type.TEXT or column.semantic in _CLASSES or column.name in named else "regression"
            )
    if target.type is not Type.NUMBER:
        raise RefusedError(node.at, f"{target.type.value} cannot be predicted", "compare it with something, or predict a number")
    return Question("regression")


def _list(sentence: Sentence, table: Table, column: str) -> Question:
    if sentence.top is None:
        return Question("multilabel")
    parents = [r.table for r in table.references if r.columns == (column,)]
    if not parents:
        known = sorted(r.column for r in table.references)
        what = f"{table.name}.{column} references no table whose rows could be ranked"
        raise RefusedError(sentence.top_at, what, f"list a reference: {', '.join(known)}" if known else "leave RANK TOP out")
    return Question("recommendation", target_table=parents[0])


def _autocomplete(schema: Schema, entity: Table, node: object) -> Question:
    if not isinstance(node, Column):
        at = getattr(node, "at", 0)
        raise RefusedError(
            at, "the target looks at nothing ahead", "predict an aggregate such as COUNT(orders.*, 0, 30, days), or one bare column"
        )
    table = find_table(schema, node.table)
    column = find_column(table, node.column)
    if table.name != entity.name:
        raise RefusedError(node.at, f"{table.name} is not whom FOR names", f"predict a column of {entity.name}")
    if column.name in {*entity.key, entity.time}:
        raise RefusedError(node.column.at, f"{column.name} is how a row of {entity.name} is known", "predict another column")
    meaning = meant_kind(column.semantic)
    if meaning is Kind.MULTICLASS and column.semantic not in _CLASSES:
        raise RefusedError(
            node.column.at,
            f"{column.name} holds {column.semantic.value.replace('_', ' ')} values",
            "predict a number or a category",
        )
    return Question(AUTOCOMPLETE, meaning=meaning.value)
