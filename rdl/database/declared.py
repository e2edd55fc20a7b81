"""What is taken as true of a table: what `rdl.toml` states, then what the source declares, then what was inferred and pinned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rdl.database.checks.finding import Check, Policy
from rdl.database.checks.policies import resolve
from rdl.database.relation import Relation
from rdl.database.schema import COMMA, Reference, Semantic
from rdl.errors import SchemaError, nearest
from rdl.project import Project, TableSettings
from rdl.timeline import parse_duration


@dataclass(frozen=True)
class Declared:
    """One table's declaration, complete.

    Attributes:
        key: the key's columns, () where there is none.
        time: the column of the event time, None for a static table.
        lag: microseconds by which rows arrive after their event time.
        references: every foreign key; its parent columns are `reference.key`, or the parent's key where that is ().
        types: meanings that are stated, by column.
        policies: what is done about what a check finds; every check has an entry.
        watermark: the column that never falls from one arriving row to the next, None where none is stated.
    """

    name: str
    key: tuple[str, ...] = ()
    time: str | None = None
    lag: int = 0
    references: tuple[Reference, ...] = ()
    hide: tuple[str, ...] = ()
    types: Mapping[str, Semantic] = field(default_factory=dict)
    policies: Mapping[Check, Policy] = field(default_factory=dict)
    watermark: str | None = None


def described(settings: TableSettings | None) -> bool:
    """Whether a person described the table's structure; nothing of it is inferred then."""
    return settings is not None and bool({"key", "time", "references"} & settings.model_fields_set)


def declare(
    project: Project, relations: Mapping[str, Relation], inferred: Mapping[str, Declared] | None = None, *, partial: bool = False
) -> dict[str, Declared]:
    """The declaration of every relation.

    Args:
        project: whose settings count first.
        relations: the tables there are.
        inferred: what was inferred of the tables that nobody described.
        partial: whether keys may still be unknown that references name: inference asks so, to find them.

    Raises:
        SchemaError: a declared table, column, key, time or reference does not exist or does not fit.
        ProjectError: a check or its policy is unknown.
    """
    for name in project.tables:
        if name not in relations:
            raise SchemaError(
                f"the declared table {name!r} is not in the source",
                where=f"{project.settings_file}, [tables.{name}]",
                fix=nearest(name, relations),
            )
    found = {name: _declare(project, relation, relations, (inferred or {}).get(name)) for name, relation in relations.items()}
    for table in found.values():
        _check_columns(project, table, relations[table.name])
        for reference in table.references:
            _check_reference(project, table, reference, found, relations, partial)
    return found


def _declare(project: Project, relation: Relation, relations: Mapping[str, Relation], pin: Declared | None) -> Declared:
    settings = project.tables.get(relation.name) or TableSettings()
    constraints = relation.constraints
    pin = pin or Declared(relation.name)
    known = {r.columns: r for r in (*_constrained(relation, relations), *pin.references)}
    references = tuple(known.values())
    if settings.references is not None:
        references = tuple(_reference(relation, c, parent, relations) for c, parent in settings.references.items())
    return Declared(
        name=relation.name,
        key=settings.key_columns if settings.key is not None else constraints.key or pin.key,
        time=(settings.time or None) if settings.time is not None else pin.time,
        lag=parse_duration(settings.lag),
        references=references,
        hide=tuple(settings.hide),
        types={**pin.types, **{column: Semantic(kind) for column, kind in settings.types.items()}},
        policies=resolve(settings.checks, project.checks, f"{project.settings_file}, [tables.{relation.name}.checks]"),
        watermark=settings.watermark,
    )


def _constrained(relation: Relation, relations: Mapping[str, Relation]) -> Iterable[Reference]:
    """The foreign keys that the source itself declares, to tables that are read."""
    for foreign in relation.constraints.foreign_keys:
        if foreign.parent in relations:
            own = relations[foreign.parent].constraints.key
            key = () if foreign.parent_columns == own else foreign.parent_columns
            yield Reference.of(foreign.columns, foreign.parent, key)


def _reference(relation: Relation, column: str, parent: str, relations: Mapping[str, Relation]) -> Reference:
    """`"a,b" = "parent"` or `"a,b" = "parent.x,y"`."""
    columns = (column,) if column in relation.types else tuple(part.strip() for part in column.split(COMMA))
    table, dot, key = parent.rpartition(".")
    if parent in relations or not dot or table not in relations:
        return Reference.of(columns, parent)
    return Reference.of(columns, table, tuple(part.strip() for part in key.split(COMMA)))


def _check_columns(project: Project, table: Declared, relation: Relation) -> None:
    declared = {
        "key": table.key,
        "time": (table.time,) if table.time else (),
        "references": tuple(c for r in table.references for c in r.columns),
        "hide": table.hide,
        "types": tuple(table.types),
        "watermark": (table.watermark,) if table.watermark else (),
    }
    for place, wanted in declared.items():
        for column in wanted:
            if column not in relation.types:
                raise SchemaError(
                    f"no column {column!r} in table {table.name!r}",
                    where=f"{project.settings_file}, [tables.{table.name}] {place}",
                    fix=nearest(column, relation.types),
                )
    kind = relation.types[table.time].upper() if table.time else "DATE"
    if kind.endswith("]") or not kind.startswith(("TIMESTAMP", "DATE")):
        raise SchemaError(
            f"the time column {table.name}.{table.time} is {relation.types[table.time or '']}, not a date or timestamp",
            where=f"{project.settings_file}, [tables.{table.name}] time",
            fix="cast it in a staging SELECT",
        )


def _check_reference(
    project: Project,
    table: Declared,
    reference: Reference,
    found: Mapping[str, Declared],
    relations: Mapping[str, Relation],
    partial: bool,
) -> None:
    where = f"{project.settings_file}, [tables.{table.name}] references"
    name = f"{table.name}.{reference.column}"
    if reference.table not in found:
        raise SchemaError(
            f"{name} references the unknown table {reference.table!r}", where=where, fix=nearest(reference.table, found)
        )
    for column in reference.key:
        if column not in relations[reference.table].types:
            raise SchemaError(
                f"{name} references the unknown column {reference.table}.{column}",
                where=where,
                fix=nearest(column, relations[reference.table].types),
            )
    key = reference.key or found[reference.table].key
    if not key and partial:
        return
    if not key or (len(key) > 1 and len(reference.columns) == 1):
        raise SchemaError(
            f"{name} references {reference.table!r}, which declares no single-column key",
            where=f"{project.settings_file}, [tables.{reference.table}]",
            fix=f'add key = "…" to [tables.{reference.table}]',
        )
    if len(key) != len(reference.columns):
        raise SchemaError(
            f"{name} has {len(reference.columns)} columns, and the key of {reference.table!r} has {len(key)}: {', '.join(key)}",
            where=where,
            fix="name a column for each of the key's, in its order",
        )
