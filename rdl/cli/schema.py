"""The commands about what a database is: make a project of one, show its schema, write it down, draw it."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdl.cli.options import HomeDir, Json, ProjectDir
from rdl.cli.output import progress, say

if TYPE_CHECKING:
    from rdl.database.adoption import Adopted
    from rdl.database.inference import Proposal
    from rdl.database.overview import Overview
    from rdl.database.schema import Table

_FEW = 12  # columns of one meaning that are named


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make the project.")],
    source: Annotated[str, typer.Option("--from", help="A folder, glob or file of tables, or a database's URL.")],
    as_json: Json = False,
) -> None:
    """Make a project of any source, its schema inferred and written down."""
    from rdl.database.new_project import make_project

    with progress():
        made = make_project(folder, source)
    schema = made.overview.schema
    references = sum(len(table.references) for table in schema.tables.values())
    counts = {"tables": len(schema.tables), "references": references}
    facts = {"project": str(folder), "source": made.source, "variables": list(made.variables), **counts}
    here = f" --project {folder}" if folder.resolve() != Path.cwd() else ""
    lines = [f"made {folder}: {len(schema.tables)} tables, {references} references", *_written(made.adopted)]
    lines += _undecided(made.overview)
    lines += [f"  set {name} before rdl runs: it holds the password, which is written nowhere" for name in made.variables]
    lines += [
        "next",
        f"  rdl schema{here} --svg schema.svg    see what was found, and correct it in {folder / 'rdl.toml'}",
        f"  rdl check{here}                      what is wrong with the rows",
        f"  write a task to {folder / 'sql' / 'tasks'}: whom to predict, and what became of them; then rdl tasks{here}",
    ]
    say(as_json, {**facts, **_adopted_facts(made.adopted)}, lines)


def schema(
    project: ProjectDir = Path(),
    home: HomeDir = None,
    write: Annotated[bool, typer.Option("--write", help="Write what was inferred into rdl.toml and the staging folder.")] = False,
    svg: Annotated[Path | None, typer.Option("--svg", help="Draw tables and references into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Show what the database is: what is declared, what is inferred and why, and what is uncertain."""
    from rdl.database.adoption import adopt
    from rdl.database.overview import look_over
    from rdl.database.picture import draw
    from rdl.database.settings_file import replace_file
    from rdl.project import open_project

    with progress():
        opened = open_project(project, home)
        overview = look_over(opened)
        adopted = adopt(opened, overview.stated, overview.proposals) if write else None
        if svg is not None:
            replace_file(svg, draw(overview.schema))
    for name, table in sorted(overview.schema.tables.items()):
        say(as_json, _table_facts(overview, table), _table_lines(overview, name, table))
    if not as_json:
        _print_open(overview)
    if adopted is not None:
        say(as_json, _adopted_facts(adopted), [*_written(adopted), *_undecided(overview)])
    if svg is not None:
        say(as_json, {"drawn": str(svg)}, [f"drew {svg}"])


def _undecided(overview: "Overview") -> list[str]:
    """The tables that rdl refuses to read until a person says whether they have a time."""
    from rdl.database.inference import Aspect

    waiting = [
        p for p in overview.proposals.uncertain if p.aspect is Aspect.INHERITED_TIME and overview.schema[p.table].time is None
    ]
    return [f"  decide on the time of {p.table}, or write time = false: until then its rows are not read" for p in waiting]


def _table_facts(overview: "Overview", table: "Table") -> dict[str, Any]:
    uncertain = [p.to_json() for p in overview.of(table.name, accepted=False)]
    accepted = [{**p.to_json(), "in_use": overview.in_use(p)} for p in overview.of(table.name, accepted=True)]
    return {
        "table": table.name,
        "rows": table.rows,
        "key": list(table.key),
        "time": table.time,
        "references": [{"columns": list(r.columns), "table": r.table, "key": list(r.key)} for r in table.references],
        "columns": {c.name: {"type": c.sql_type, "meaning": c.semantic.value} for c in table.columns},
        "accepted": accepted,
        "uncertain": uncertain,
    }


def _table_lines(overview: "Overview", name: str, table: "Table") -> list[str]:
    from rdl.database.inference import Aspect

    proposals = overview.of(name, accepted=True)
    said = {p.aspect for p in proposals}
    lines = [f"{name}: {table.rows:,} rows"]
    lines += ["  no key"] if not table.key and Aspect.KEY not in said else []
    lines += [_proposal_line(p, "" if overview.in_use(p) else " (not in use yet)") for p in proposals]
    lines += [] if said & {Aspect.TIME, Aspect.INHERITED_TIME} else ["  no time: its rows are visible always"]
    structural = {*table.key, table.time, *(c for r in table.references for c in r.columns)}
    columns = defaultdict(list)
    for column in table.columns:
        if column.name not in structural:
            columns[column.semantic.value.replace("_", " ")].append(column.name)
    for meaning, names in sorted(columns.items()):
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        lines.append(f"  {meaning:<18}{', '.join(names[:_FEW])}{more}")
    return lines


def _proposal_line(proposal: "Proposal", note: str = "") -> str:
    sure = "" if proposal.confidence == 1 else f"{proposal.confidence:.0%} "
    return f"  {proposal.aspect.value:<18}{proposal.value}{note}  [{sure}{proposal.evidence}]"


def _print_open(overview: "Overview") -> None:
    """What is uncertain, apart, with what else it could be."""
    found = overview.proposals.uncertain
    if not found:
        return
    print("\nuncertain, for you to decide:")
    for proposal in found:
        print(f"  {proposal.table}: {proposal.aspect.value} {proposal.value}  [{proposal.confidence:.0%} {proposal.evidence}]")
        for other in proposal.alternatives:
            print(f"      or {other.value}  [{other.confidence:.0%} {other.evidence}]")


def _adopted_facts(adopted: "Adopted") -> dict[str, Any]:
    settings = [
        {"section": list(section), "key": list(line.path), "value": line.value, "decided": line.decided}
        for section, lines in adopted.added.items()
        for line in lines
    ]
    return {"settings": settings, "remarks": len(adopted.remarks), "staging": [str(path) for path in adopted.staging]}


def _written(adopted: "Adopted") -> list[str]:
    """What was written, file by file."""
    if not adopted.added and not adopted.remarks and not adopted.staging:
        return [f"nothing new to write: {adopted.settings} says it all"]
    lines = [f"wrote {adopted.settings}"]
    for section, added in adopted.added.items():
        decided = [f"{line.key} = {_shown(line.value)}" for line in added if line.decided]
        lines += [f"  [{'.'.join(section)}] {'; '.join(decided)}"] if decided else []
    lines += [f"wrote {path}" for path in adopted.staging]
    if adopted.open:
        lines.append(f"  {adopted.open} more stand there as comments, for you to decide")
    return lines


def _shown(value: str | bool | Sequence[str]) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else f"[{', '.join(value)}]"
