"""How a table hangs on the entity: the walks along references that lead from a row to the entities it belongs to.

A walk goes up first, from a row to its parent, and then down, from a parent to its children: an order line belongs to its order's
customer, and a visit to every order of its customer. Walks that only go up are preferred, shorter ones before longer ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rdl.database import Reference, Schema, Table
from rdl.task.predict.refusal import RefusedError
from rdl.task.predict.sentence import Name

_HOPS = 3


@dataclass(frozen=True)
class Step:
    """One reference of a walk; `up` where it is walked from the child to the parent."""

    child: str
    reference: Reference
    up: bool

    @property
    def target(self) -> str:
        """The table that the step arrives at."""
        return self.reference.table if self.up else self.child

    def __str__(self) -> str:
        return f"{self.child}.{self.reference.column}"


Path = tuple[Step, ...]


def find_path(schema: Schema, table: Name, start: Table, entity: Table, via: Name | None) -> Path:
    """The walk from rows of `start` to the entities they belong to; `via` names the reference of its first step.

    Raises:
        RefusedError: there is none, or several are equally short.
    """
    found = sorted(_walks(schema, start.name, entity.name, ()), key=_preference)
    chosen = [path for path in found if via is None or _leaves_by(path[0], via.text)]
    if not chosen:
        raise _no_path(schema, table, start, entity, via, found)
    best = [path for path in chosen if _preference(path) == _preference(chosen[0])]
    if len(best) > 1:
        walks = "; ".join(_shown(path) for path in best)
        what = f"{start.name} hangs on {entity.name} in {len(best)} ways: {walks}"
        ways = sorted({path[0].reference.column for path in best if path[0].up})
        fix = f"choose one: {start.name}.* VIA {' or VIA '.join(ways)}" if len(ways) > 1 else "aggregate a table that lies closer"
        raise RefusedError(table.at, what, fix)
    return best[0]


def find_parent(schema: Schema, at: int, start: Table, goal: Table) -> Path:
    """The walk up from a row of `start` to the one row of `goal` that it belongs to.

    Raises:
        RefusedError: there is none, or several are equally short.
    """
    found = [path for path in _walks(schema, start.name, goal.name, ()) if all(step.up for step in path)]
    best = [path for path in found if len(path) == min(map(len, found))]
    if not best:
        parents = sorted({r.table for r in start.references}) or ["no other table"]
        what = f"a row of {start.name} has no one row of {goal.name}"
        raise RefusedError(at, what, f"name a column of {start.name}, or of what it references: {', '.join(parents)}")
    if len(best) > 1:
        what = f"{start.name} references {goal.name} in {len(best)} ways: {'; '.join(_shown(path) for path in best)}"
        raise RefusedError(at, what, "name columns of another table, or write the SQL by hand")
    return best[0]


def _walks(schema: Schema, here: str, goal: str, taken: Path) -> Iterator[Path]:
    """Every walk of up to `_HOPS` steps, up first and then down, that visits no table twice in one direction."""
    if len(taken) == _HOPS:
        return
    steps = [Step(here, reference, up=True) for reference in schema[here].references] if all(s.up for s in taken) else []
    steps += [Step(child.name, reference, up=False) for child, reference in schema.children(here)]
    for step in steps:
        if any(step.target == earlier.target and step.up == earlier.up for earlier in taken):
            continue
        path = (*taken, step)
        if step.target == goal:
            yield path
        else:
            yield from _walks(schema, step.target, goal, path)


def _preference(path: Path) -> tuple[bool, int]:
    return not all(step.up for step in path), len(path)


def _leaves_by(step: Step, column: str) -> bool:
    return step.up and column.lower() in {step.reference.column.lower(), *(c.lower() for c in step.reference.columns)}


def _shown(path: Path) -> str:
    return " and ".join(dict.fromkeys(str(step) for step in path))


def _no_path(schema: Schema, table: Name, start: Table, entity: Table, via: Name | None, found: list[Path]) -> RefusedError:
    if via is not None:
        known = sorted({path[0].reference.column for path in found if path[0].up})
        what = f"no reference of {start.name} called {via.text!r} leads to {entity.name}"
        return RefusedError(via.at, what, f"known are: {', '.join(known)}" if known else "leave VIA out")
    near = sorted(
        name for name in schema.tables if name != entity.name and next(_walks(schema, name, entity.name, ()), None) is not None
    )
    what = f"no references lead from {start.name} to {entity.name}"
    fix = f"aggregate one of: {', '.join(near)}" if near else "declare references in rdl.toml"
    return RefusedError(table.at, what, f"{fix}; or declare references of {start.name} in rdl.toml" if near else fix)
