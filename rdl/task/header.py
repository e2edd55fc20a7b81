"""A task file's header: which keys there are, which of them belong to which kind of question, and what they name in the schema."""

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rdl.database import Schema, Semantic, Table
from rdl.errors import ProjectError, SchemaError, TaskError, nearest
from rdl.project import validate as validate_settings
from rdl.task.promises import LEVELS, check_bounds, check_grades, check_shares
from rdl.task.task import DEFAULT_METRIC, METRICS, Kind

AUTOCOMPLETE = "autocomplete"
TOP = 10

Moment = date | datetime | str
Pair = tuple[str, str]

_BELONGS = {"target": Kind.RECOMMENDATION.value, "top": Kind.RECOMMENDATION.value, "type": AUTOCOMPLETE}
_MEANT = {Semantic.BOOLEAN: Kind.BINARY, Semantic.NUMERIC: Kind.REGRESSION}


class Header(BaseModel):
    """The header as it was written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    task: str
    kind: Literal["binary", "regression", "multiclass", "multilabel", "recommendation", "autocomplete"]
    entity: str
    horizon: str | None = None
    every: str | None = None
    start: Moment | None = None
    stop: Moment | None = None
    cutoffs: list[Moment] | None = None
    first_validation: Moment | None = Field(alias="validate", default=None)
    test: Moment | None = None
    metric: str | None = None
    target: str | None = None
    top: Annotated[int, Field(ge=1, le=1000)] | None = None
    hide: list[str] = []
    type: Literal["binary", "regression", "multiclass"] | None = None
    intervals: list[float] | None = None
    quantiles: list[float] = []
    grades: int | list[float] | None = None
    least: float | int | None = None
    most: float | int | None = None

    @property
    def static(self) -> bool:
        """Whether it says nothing of time."""
        return self.horizon is None


def read_header(text: str, path: Path) -> Header:
    """The header in the text of a file's comment.

    Raises:
        TaskError: it is no TOML, a key is unknown, is missing, or belongs to another kind than the task's, or a value is wrong.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"the header is no TOML: {error}", where=str(path), fix="mend the line named above") from error
    try:
        header = validate_settings(Header, raw, str(path))
    except ProjectError as error:
        raise TaskError(error.what, where=error.where, fix=error.fix) from error
    for key, kind in _BELONGS.items():
        if getattr(header, key) is not None and header.kind != kind:
            raise TaskError(
                f"{key} = {getattr(header, key)!r} belongs to kind = {kind!r}, and this is {header.kind!r}",
                where=str(path),
                fix=f"leave out {key}, or write kind = {kind!r}",
            )
    _check_times(header, path)
    return header


def _check_times(header: Header, path: Path) -> None:
    """Refuse a header that says something of time, but not all that it must."""
    needed = {"horizon": header.horizon, "validate": header.first_validation, "test": header.test}
    more = {"every": header.every, "start": header.start, "stop": header.stop, "cutoffs": header.cutoffs}
    missing = [key for key, value in needed.items() if value is None]
    given = [key for key, value in (needed | more).items() if value is not None]
    if missing and given:
        raise TaskError(
            f"missing key {missing[0]!r}",
            where=str(path),
            fix=f"add {missing[0]!r}; or leave out {', '.join(given)}: a task without time is split at random",
        )


def entity_of(header: Header, schema: Schema, path: Path) -> Table:
    """The entity table, whose key names whom a row of the queries is about.

    Raises:
        TaskError: there is none of that name, or it has no key.
    """
    table = _table(header.entity, "entity", schema, path)
    if not table.key:
        raise TaskError(
            f"the entity table {table.name!r} has no key, so no query can name its rows",
            where=str(path),
            fix=f'declare one in rdl.toml: [tables.{table.name}] key = "…"',
        )
    return table


def target_of(header: Header, schema: Schema, path: Path) -> str | None:
    """The table that a recommendation ranks; None for the other kinds.

    Raises:
        TaskError: a recommendation names none, or one that is unknown or has no key.
    """
    if header.kind != Kind.RECOMMENDATION.value:
        return None
    if header.target is None:
        raise TaskError("a recommendation ranks the rows of a table", where=str(path), fix='name it: target = "products"')
    table = _table(header.target, "target", schema, path)
    if not table.key:
        raise TaskError(
            f"the target table {table.name!r} has no key, so no label can name its rows",
            where=str(path),
            fix=f'declare one in rdl.toml: [tables.{table.name}] key = "…"',
        )
    return table.name


def hidden_of(header: Header, schema: Schema, path: Path) -> tuple[Pair, ...]:
    """The (table, column) pairs of `hide`, in their order.

    Raises:
        TaskError: one is not `table.column`, there is no such table or column, or it is the event time.
    """
    pairs = tuple(dict.fromkeys(_pair(name, schema, path) for name in header.hide))
    try:
        schema.hiding(pairs)
    except SchemaError as error:
        raise TaskError(f"hide: {error.what}", where=f"{path}, {error.where}", fix=error.fix) from error
    return pairs


def kind_of(header: Header, entity: Table, hidden: tuple[Pair, ...], path: Path) -> Kind:
    """The kind that is fitted: the header's, and of an autocomplete the one that its hidden column's meaning gives.

    Raises:
        TaskError: an autocomplete hides no column of its entity table.
    """
    if header.kind != AUTOCOMPLETE:
        return Kind(header.kind)
    own = [column for table, column in hidden if table == entity.name]
    if not own:
        raise TaskError(
            f"an autocomplete predicts a hidden column, and none of {entity.name} is hidden",
            where=str(path),
            fix=f'write hide = ["{entity.name}.column"], the predicted column first',
        )
    if header.type is not None:
        return Kind(header.type)
    return meant_kind(entity.column(own[0]).semantic)


def meant_kind(semantic: Semantic) -> Kind:
    """The kind of question that a column of this meaning answers."""
    return _MEANT.get(semantic, Kind.MULTICLASS)


def promises_of(header: Header, kind: Kind, path: Path) -> dict[str, Any]:
    """What predictions promise beside themselves, by the names of `Task`'s fields.

    Raises:
        TaskError: a level is no share, there are too many grades, or a key does not fit the kind.
    """
    _check_fit(header, kind, path)
    levels = LEVELS if header.intervals is None else header.intervals
    least, most = check_bounds(header.least, header.most, str(path))
    return {
        "intervals": check_shares(levels, "intervals", str(path)),
        "quantiles": check_shares(header.quantiles, "quantiles", str(path)),
        "grades": check_grades(header.grades or 0, str(path)),
        "least": least,
        "most": most,
    }


def _check_fit(header: Header, kind: Kind, path: Path) -> None:
    """Refuse what a question of this kind cannot promise."""
    asked = {"quantiles": header.quantiles, "least": header.least, "most": header.most, "grades": header.grades}
    fits = dict.fromkeys(("quantiles", "least", "most"), Kind.REGRESSION) | {"grades": Kind.BINARY}
    for key, value in asked.items():
        if value not in (None, []) and kind is not fits[key]:
            what = f"{key} belongs to kind = {fits[key].value!r}, and this is {kind.value!r}"
            raise TaskError(what, where=str(path), fix=f"leave out {key}")


def metric_of(header: Header, kind: Kind, path: Path) -> str:
    """The metric that judges the task.

    Raises:
        TaskError: the kind has no such metric.
    """
    metric = header.metric or DEFAULT_METRIC[kind]
    if metric in METRICS[kind]:
        return metric
    raise TaskError(
        f"metric = {metric!r} does not fit kind = {kind.value!r}", where=str(path), fix=f"use one of: {', '.join(METRICS[kind])}"
    )


def _table(name: str, key: str, schema: Schema, path: Path) -> Table:
    if name not in schema.tables:
        raise TaskError(f"{key} = {name!r} is no table", where=str(path), fix=nearest(name, schema.tables))
    return schema.tables[name]


def _pair(name: str, schema: Schema, path: Path) -> Pair:
    """`table.column` taken apart; either name may itself hold dots."""
    cuts = [i for i, character in enumerate(name) if character == "." and 0 < i < len(name) - 1]
    if not cuts:
        raise TaskError(f"hide names {name!r}, which is no column", where=str(path), fix='write hide = ["table.column"]')
    cut = next((i for i in cuts if name[:i] in schema.tables), cuts[0])
    return name[:cut], name[cut + 1 :]
