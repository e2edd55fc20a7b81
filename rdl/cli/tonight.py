"""Tonight's tables as `rdl features` tells of them and makes them."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rdl.errors import UsageError

if TYPE_CHECKING:
    from rdl.database import Database
    from rdl.model import Model


def make_table(database: "Database", task: str, model: "Model | None", as_of: int) -> None:
    """Materialise the features of all entities at `as_of`, for whoever scores or serves with this model.

    Raises:
        UsageError: no model is registered, or it has no features.
        TaskError: no entity is visible then.
    """
    from rdl.database.pruning import TONIGHT, prune
    from rdl.pipeline.publish import publish
    from rdl.timeline import format_time

    if model is None or not model.plan.features:
        what = f"no model of {task!r} is registered" if model is None else f"the model of {task!r} ranks candidates"
        raise UsageError(what, where="--materialise", fix=f"rdl train {task}" if model is None else "score without it")
    home = database.project.home
    aside = home / "aside" / f"{TONIGHT}-{os.getpid()}"
    facts = model.materialise(database, as_of, aside)
    publish(aside, home / TONIGHT / task / f"as_of={format_time(as_of).replace(':', '-')}-{facts.key}")
    prune(database.project)


def tables(database: "Database", task: str, model: "Model | None") -> list[dict[str, Any]]:
    """Every table of the task, newest last, and whether this model reads it."""
    from rdl.features import tables_of
    from rdl.timeline import format_time

    fitting = {table.facts.key for table in model.tables(database)} if model else set()
    return [
        {
            "as_of": format_time(facts.as_of),
            "rows": facts.rows,
            "features": len(facts.names) + len(facts.category_names),
            "bytes": sum(file.stat().st_size for file in folder.iterdir()),
            "made_at": format_time(facts.made_at),
            "fits": facts.key in fitting,
            "folder": str(folder),
        }
        for folder, facts in tables_of(database, task)
    ]


def table_lines(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line a table."""
    lines = []
    for table in found:
        size = f"{table['bytes'] / 2**20:,.1f} MiB, made {table['made_at']}"
        fits = "" if table["fits"] else "; made by another model, code or snapshot: not read"
        lines.append(f"  tonight  {table['rows']:,} entities as of {table['as_of']}, {size}{fits}")
    return lines or ["  tonight  no table of all entities: rdl features TASK --materialise, or the pipeline's step features"]
