"""What the data look like to a plan: frequent values, magnitudes and lifetimes, measured on visible rows only.

A plan is frozen after the survey, so scoring replays the same columns and the same values whatever the tables hold by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from rdl.database import Column, Engine, Schema, Semantic
from rdl.database.engine import load_sql, quote
from rdl.features.chain import Chain, ascents, descents, timed
from rdl.features.reading import finite_sql, moment_sql, vector_sql
from rdl.features.text import words_sql
from rdl.timeline import ALWAYS, NEVER, visible_sql

_COUNTED = (Semantic.CATEGORICAL, Semantic.BOOLEAN, Semantic.NUMERIC)
WORDED = (Semantic.TEXT, Semantic.MULTI_CATEGORICAL)
"""Columns of words, of which the share that is filled is measured and which words are telling."""

SAMPLE = 1_000_000
"""Of more rows, every second, third, … (row or key) is looked at for words, gaps and turnover."""
RARE, COMMON, TOKENS = 0.02, 0.4, 4
"""A telling word is in so large a share of the texts at least and at most; so many are kept."""


@dataclass(frozen=True)
class ColumnSurvey:
    """One column's visible values.

    Attributes:
        filled: the share of rows that have a value; 0 where none can be read as what the column is said to mean.
        magnitude: the largest, of a numeric column.
        distinct: how many different ones.
        top: the most frequent ones as text.
        tokens: of a text, words that some texts have and most have not, the most frequent first.
        length: of an embedding, how many numbers.
    """

    filled: float
    magnitude: float = 0.0
    distinct: int = 0
    top: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    length: int = 0


@dataclass(frozen=True)
class ReferenceSurvey:
    """One reference's visible rows: how long a parent goes on getting children (mean, microseconds), and how many it has (mean)."""

    lifetime: float
    children: float


@dataclass(frozen=True)
class Survey:
    """Everything measured as of `as_of`.

    Attributes:
        rows: visible rows by table.
        columns: by (table, column).
        references: by (table, reference column).
        turnover: by (descent to the entity, ascent from the same rows): the share of rows whose parent is not that of
            the row before: near 0 for a lasting parent (the driver's team), near 1 for a new one each time (a line's product).
        echo: of the same, where the ascent ends at the entity table again: the share of rows that lead back to their start.
        gaps: by descent to the entity: the median time between two rows of a key that do not tie, microseconds; 0 where unknown.
    """

    as_of: int
    rows: Mapping[str, int]
    columns: Mapping[tuple[str, str], ColumnSurvey]
    references: Mapping[tuple[str, str], ReferenceSurvey]
    turnover: Mapping[tuple[Chain, Chain], float]
    echo: Mapping[tuple[Chain, Chain], float]
    gaps: Mapping[Chain, float]


def survey_database(engine: Engine, schema: Schema, entity: str, as_of: int, depth: int = 2, top: int = 5) -> Survey:
    """Measure every feature column and every reference on the rows visible at `as_of`.

    `depth` bounds the chains of references around the entity table; `top` is how many frequent values are kept a column.
    """
    rows = {name: _rows(engine, name, as_of) for name in schema.tables}
    columns: dict[tuple[str, str], ColumnSurvey] = {}
    references: dict[tuple[str, str], ReferenceSurvey] = {}
    for table in schema.tables.values():
        for column in table.features:
            columns[table.name, column.name] = _column(engine, table.name, column, as_of, top, rows[table.name])
        for reference in table.references:
            references[table.name, reference.column] = _reference(engine, table.name, reference.column, as_of)
    changes = {
        (down, up): _turnover(engine, down, up, rows[down.table], as_of)
        for down in descents(schema, entity, depth)
        for up in ascents(schema, down.table, depth)
        if up.hops[0] != down.hops[0]
    }
    below = (down for down in descents(schema, entity, depth) if timed(schema, down))
    gaps = {down: _gap(engine, down, rows[down.table], as_of) for down in below}
    turnover = {pair: changed for pair, (changed, _) in changes.items()}
    echo = {pair: same for pair, (_, same) in changes.items() if pair[1].end == entity}
    return Survey(as_of, rows, columns, references, turnover, echo, gaps)


def _rows(engine: Engine, table: str, as_of: int) -> int:
    found = engine.numpy(f"SELECT count(*) AS n FROM rows.{quote(table)} WHERE {visible_sql('_time', str(as_of))}")
    return int(found["n"][0])


def _column(engine: Engine, table: str, column: Column, as_of: int, top: int, rows: int) -> ColumnSurvey:
    seen = visible_sql("_time", str(as_of))
    place, name = f"rows.{quote(table)}", quote(column.name)
    if column.semantic in _COUNTED:
        return _counted(engine, place, column, seen, top)
    readable = {Semantic.TIMESTAMP: moment_sql(name), Semantic.DATE: moment_sql(name), Semantic.EMBEDDING: vector_sql(name)}
    value = readable.get(column.semantic, name)
    length = f"coalesce(max(len({value})), 0)" if column.semantic is Semantic.EMBEDDING else "0"
    sql = f"SELECT coalesce(count({value}) / nullif(count(*), 0), 0.0) AS filled, {length} AS length FROM {place} WHERE {seen}"
    found = engine.arrow(sql).to_pylist()[0]
    tokens = _tokens(engine, place, name, seen, rows) if column.semantic in WORDED and found["filled"] else ()
    return ColumnSurvey(float(found["filled"]), tokens=tokens, length=int(found["length"]))


def _counted(engine: Engine, place: str, column: Column, seen: str, top: int) -> ColumnSurvey:
    numeric = column.semantic is Semantic.NUMERIC
    value = f"abs({finite_sql(quote(column.name))})" if numeric else "0.0"
    sql = load_sql("features/survey_column.sql").format(
        table=place, column=quote(column.name), magnitude=value, visible=seen, top=top
    )
    found = engine.arrow(sql).to_pylist()[0]
    frequent = tuple(str(v) for v in (found["top"] or ()) if "\0" not in str(v))
    filled = float(found["filled"]) if found["readable"] else 0.0
    return ColumnSurvey(filled, float(found["magnitude"]), int(found["distinct_values"]), frequent)


def _tokens(engine: Engine, place: str, column: str, seen: str, rows: int) -> tuple[str, ...]:
    sql = load_sql("features/survey_tokens.sql").format(
        table=place,
        words=words_sql(column),
        column=column,
        visible=seen,
        every=rows // SAMPLE + 1,
        rare=RARE,
        common=COMMON,
        most=TOKENS,
    )
    return tuple(row["token"] for row in engine.arrow(sql).to_pylist())


def _gap(engine: Engine, descent: Chain, rows: int, as_of: int) -> float:
    key, joins = _follow(descent)
    times = ", ".join(("f._time", *(f"a{i}._time" for i in range(1, len(descent.hops)))))
    sql = load_sql("features/survey_rhythm.sql").format(
        table=f"rows.{quote(descent.table)}",
        key=key,
        time=f"greatest({times})",
        joins=" ".join(joins),
        visible=visible_sql("time", str(as_of)),
        every=rows // SAMPLE + 1,
        always=ALWAYS,
    )
    return float(engine.arrow(sql).to_pylist()[0]["gap"])


def _reference(engine: Engine, table: str, column: str, as_of: int) -> ReferenceSurvey:
    sql = load_sql("features/survey_reference.sql").format(
        table=f"rows.{quote(table)}", reference=quote("_ref_" + column), visible=visible_sql("_time", str(as_of)), never=NEVER
    )
    found = engine.arrow(sql).to_pylist()[0]
    return ReferenceSurvey(float(found["lifetime"]), float(found["children"]))


def _turnover(engine: Engine, descent: Chain, ascent: Chain, rows: int, as_of: int) -> tuple[float, float]:
    """How often the next row's parent is another one, and how often the parent is the key itself."""
    key, key_joins = _follow(descent)
    parent, parent_joins = _follow(ascent, prefix="b")
    sql = load_sql("features/survey_turnover.sql").format(
        table=f"rows.{quote(descent.table)}",
        key=key,
        parent=parent,
        joins=" ".join((*key_joins, *parent_joins)),
        every=rows // SAMPLE + 1,
        visible=visible_sql("f._time", str(as_of)),
    )
    found = engine.arrow(sql).to_pylist()[0]
    return float(found["turnover"]), float(found["same"])


def _follow(chain: Chain, prefix: str = "a") -> tuple[str, list[str]]:
    """The SQL of the row id at a chain's end, and the joins that lead there from alias `f`."""
    aliases = ["f", *(f"{prefix}{i}" for i in range(1, len(chain.hops)))]
    joins = [
        f"LEFT JOIN rows.{quote(hop.table)} {alias} ON {alias}._row = {before}.{quote('_ref_' + hop.column)}"
        for hop, (before, alias) in zip(chain.hops, pairwise(aliases), strict=False)
    ]
    return f"{aliases[-1]}.{quote('_ref_' + chain.hops[-1].column)}", joins
