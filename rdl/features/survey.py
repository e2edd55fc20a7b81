"""What the data look like to a plan: frequent values, magnitudes and lifetimes, measured on visible rows only.

A plan is frozen after the survey, so scoring replays the same columns and the same values whatever the tables hold by then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from rdl.database import Engine, Schema, Semantic
from rdl.database.engine import load_sql, quote
from rdl.features.chain import Chain, ascents, descents
from rdl.timeline import NEVER, visible_sql

_COUNTED = (Semantic.CATEGORICAL, Semantic.BOOLEAN, Semantic.NUMERIC)
WORDED = (Semantic.TEXT, Semantic.MULTI_CATEGORICAL)
"""Columns of words, of which only the share that is filled is measured."""


@dataclass(frozen=True)
class ColumnSurvey:
    """One column's visible values: share that is not null, largest magnitude, distinct values, the most frequent ones as text."""

    filled: float
    magnitude: float
    distinct: int
    top: tuple[str, ...]


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
    """

    as_of: int
    rows: Mapping[str, int]
    columns: Mapping[tuple[str, str], ColumnSurvey]
    references: Mapping[tuple[str, str], ReferenceSurvey]
    turnover: Mapping[tuple[Chain, Chain], float]


def survey_database(engine: Engine, schema: Schema, entity: str, as_of: int, depth: int = 2, top: int = 5) -> Survey:
    """Measure every feature column and every reference on the rows visible at `as_of`.

    `depth` bounds the chains of references around the entity table; `top` is how many frequent values are kept a column.
    """
    rows = {name: _rows(engine, name, as_of) for name in schema.tables}
    columns: dict[tuple[str, str], ColumnSurvey] = {}
    references: dict[tuple[str, str], ReferenceSurvey] = {}
    for table in schema.tables.values():
        for column in table.features:
            if column.semantic in _COUNTED:
                numeric = column.semantic is Semantic.NUMERIC
                columns[table.name, column.name] = _column(engine, table.name, column.name, numeric, as_of, top)
            elif column.semantic in WORDED:
                columns[table.name, column.name] = ColumnSurvey(_filled(engine, table.name, column.name, as_of), 0.0, 0, ())
        for reference in table.references:
            references[table.name, reference.column] = _reference(engine, table.name, reference.column, as_of)
    changes = {
        (down, up): _turnover(engine, down, up, as_of)
        for down in descents(schema, entity, depth)
        for up in ascents(schema, down.table, depth)
        if up.hops[0] != down.hops[0]
    }
    return Survey(as_of, rows, columns, references, changes)


def _rows(engine: Engine, table: str, as_of: int) -> int:
    found = engine.numpy(f"SELECT count(*) AS n FROM rows.{quote(table)} WHERE {visible_sql('_time', str(as_of))}")
    return int(found["n"][0])


def _filled(engine: Engine, table: str, column: str, as_of: int) -> float:
    seen = visible_sql("_time", str(as_of))
    sql = f"SELECT coalesce(count({quote(column)}) / nullif(count(*), 0), 0.0) AS f FROM rows.{quote(table)} WHERE {seen}"
    return float(engine.numpy(sql)["f"][0])


def _column(engine: Engine, table: str, column: str, numeric: bool, as_of: int, top: int) -> ColumnSurvey:
    value = f"abs(CAST({quote(column)} AS DOUBLE))" if numeric else "0.0"
    sql = load_sql("features/survey_column.sql").format(
        table=f"rows.{quote(table)}", column=quote(column), magnitude=value, visible=visible_sql("_time", str(as_of)), top=top
    )
    found = engine.arrow(sql).to_pylist()[0]
    frequent = tuple(str(v) for v in (found["top"] or ()))
    return ColumnSurvey(float(found["filled"]), float(found["magnitude"]), int(found["distinct_values"]), frequent)


def _reference(engine: Engine, table: str, column: str, as_of: int) -> ReferenceSurvey:
    sql = load_sql("features/survey_reference.sql").format(
        table=f"rows.{quote(table)}", reference=quote("_ref_" + column), visible=visible_sql("_time", str(as_of)), never=NEVER
    )
    found = engine.arrow(sql).to_pylist()[0]
    return ReferenceSurvey(float(found["lifetime"]), float(found["children"]))


def _turnover(engine: Engine, descent: Chain, ascent: Chain, as_of: int) -> float:
    key, key_joins = _follow(descent)
    parent, parent_joins = _follow(ascent, prefix="b")
    sql = load_sql("features/survey_turnover.sql").format(
        table=f"rows.{quote(descent.table)}",
        key=key,
        parent=parent,
        joins=" ".join((*key_joins, *parent_joins)),
        visible=visible_sql("f._time", str(as_of)),
    )
    return float(engine.arrow(sql).to_pylist()[0]["turnover"])


def _follow(chain: Chain, prefix: str = "a") -> tuple[str, list[str]]:
    """The SQL of the row id at a chain's end, and the joins that lead there from alias `f`."""
    aliases = ["f", *(f"{prefix}{i}" for i in range(1, len(chain.hops)))]
    joins = [
        f"LEFT JOIN rows.{quote(hop.table)} {alias} ON {alias}._row = {before}.{quote('_ref_' + hop.column)}"
        for hop, (before, alias) in zip(chain.hops, pairwise(aliases), strict=False)
    ]
    return f"{aliases[-1]}.{quote('_ref_' + chain.hops[-1].column)}", joins
