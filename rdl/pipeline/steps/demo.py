"""Make the demo shop, so that a pipeline can be tried without data of one's own."""

from pathlib import Path

from pydantic import Field

from rdl.errors import PipelineError
from rdl.pipeline.step import Context, Outcome, Settings, Step


class DemoSection(Settings):
    """`[demo]`: how many orders, and which shop."""

    rows: int = Field(default=200_000, ge=1_000)
    seed: int = 0


def make_shop(context: Context) -> Outcome:
    """Write the shop's project folder.

    Raises:
        PipelineError: the project folder holds something that is not an earlier demo.
    """
    from rdl.database.demo import write_demo

    wanted = context.section(DemoSection, "demo")
    with_settings = context.aside / "rdl.toml"
    summary = write_demo(context.aside, wanted.rows, wanted.seed)
    _refuse_foreign(context, with_settings.read_text(encoding="utf-8").split(" with ")[0])
    return Outcome(sum(summary.rows.values()), {"rows": dict(summary.rows)})


def _refuse_foreign(context: Context, mark: str) -> None:
    """Stop where publishing would mix the shop with somebody's own files; the home may lie among them."""
    folder = context.pipeline.project
    strange = [entry for entry in sorted(folder.glob("*")) if entry != context.home and entry not in context.home.parents]
    settings = folder / "rdl.toml"
    ours = settings.is_file() and settings.read_text(encoding="utf-8", errors="replace").startswith(mark)
    if strange and not ours:
        raise PipelineError(
            f"the project folder holds {strange[0].name!r}, and is no demo shop",
            where=str(folder),
            fix="run in another folder, or leave the demo step out",
        )


def _project(context: Context) -> Path:
    return context.pipeline.project


STEP = Step("demo", make_shop, _project, sections={"demo": DemoSection}, per_task=False, reads_rows=False, dated=False)
