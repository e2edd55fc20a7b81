"""What needs no inference: keys and references that the source declares or the settings state. Both are certain."""

from collections.abc import Iterable, Mapping

from rdl.database.declared import Declared
from rdl.database.inference.proposal import Aspect, Key, Link, Proposal, Time
from rdl.database.relation import Relation

_SOURCE, _SETTINGS = "declared by the source", "stated in the settings"


def stated_keys(relations: Mapping[str, Relation], declared: Mapping[str, Declared]) -> dict[str, Proposal]:
    """The key of every table of which one is stated."""
    found = {}
    for name, relation in relations.items():
        said = declared.get(name)
        if said is not None and said.key:
            found[name] = Proposal(name, Aspect.KEY, Key(said.key), 1.0, _SETTINGS)
        elif relation.constraints.key:
            found[name] = Proposal(name, Aspect.KEY, Key(relation.constraints.key), 1.0, _SOURCE)
    return found


def stated_times(declared: Mapping[str, Declared]) -> dict[str, Proposal]:
    """The time of every table of which one is stated."""
    return {n: Proposal(n, Aspect.TIME, Time(d.time), 1.0, _SETTINGS) for n, d in declared.items() if d.time is not None}


def stated_links(
    relations: Mapping[str, Relation], declared: Mapping[str, Declared], keys: Mapping[str, Proposal]
) -> list[Proposal]:
    """Every reference that is stated; of two with the same columns, the settings' one."""
    found: dict[tuple[str, tuple[str, ...]], Proposal] = {}
    for name, relation in relations.items():
        for link, why in (*_constrained(relation, relations), *_declared(declared.get(name), keys)):
            found[name, link.columns] = Proposal(name, Aspect.REFERENCE, link, 1.0, why)
    return list(found.values())


def _constrained(relation: Relation, relations: Mapping[str, Relation]) -> Iterable[tuple[Link, str]]:
    for foreign in relation.constraints.foreign_keys:
        if foreign.parent in relations:
            yield Link(foreign.columns, foreign.parent, foreign.parent_columns), _SOURCE


def _declared(said: Declared | None, keys: Mapping[str, Proposal]) -> Iterable[tuple[Link, str]]:
    for reference in said.references if said is not None else ():
        key = reference.key
        if not key and reference.table in keys and isinstance(value := keys[reference.table].value, Key):
            key = value.columns
        if key:
            yield Link(reference.columns, reference.table, key), _SETTINGS
