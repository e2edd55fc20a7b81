"""The `rdl` command: arguments in, one call, text out.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data, 4 gate not passed, 5 locked by another run, 6 not ready (try again later),
124 a step ran past its time limit, 130 interrupted, 143 told to stop. Results go to standard output, progress to standard error: a
live line on a terminal, plain lines elsewhere. `--json` prints one JSON object a line.

A command is a function in the file of its subject, and stands in the list below; what it needs is imported when it runs.
"""

import json
import sys

import typer

from rdl.cli import database, explain, features, models, pipelines, registry, relbench, runs, schema, task, tasks
from rdl.errors import RdlError

app = typer.Typer(
    help="Turn a relational database into predictions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for command in (
    database.demo,
    schema.init,
    schema.schema,
    database.check,
    tasks.tasks,
    features.features,
    models.train,
    models.evaluate,
    models.score,
    models.serve,
    explain.explain,
    registry.models,
    registry.promote,
    registry.rollback,
    registry.audit,
    pipelines.run,
    pipelines.backfill,
    pipelines.schedule,
    runs.runs,
):
    app.command()(command)
app.add_typer(relbench.app, name="export")
app.add_typer(task.app, name="task")


def main() -> None:
    """Run the command; errors that rdl can name become one message and their own exit code."""
    try:
        app(standalone_mode=True)
    except RdlError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}))
        else:
            print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
