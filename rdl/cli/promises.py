"""The options that say what predictions promise beside themselves, and how a backtest tells what held."""

from typing import TYPE_CHECKING, Annotated

import typer

from rdl.errors import RdlError, UsageError

if TYPE_CHECKING:
    from rdl.evaluate import Evaluation
    from rdl.evaluate.coverage import Held

Intervals = Annotated[
    str | None,
    typer.Option(
        "--intervals", help="How often intervals, or sets of classes, hold the truth: 0.9, or 0.9,0.5; the task's own by default."
    ),
]
Quantiles = Annotated[str | None, typer.Option("--quantiles", help="Quantiles of a regression to predict besides: 0.1,0.5.")]
Grades = Annotated[
    str | None, typer.Option("--grades", help="Grades of probabilities: how many (7), or the boundaries between them (0.01,0.05).")
]


def read_shares(text: str | None, option: str) -> tuple[float, ...] | None:
    """Shares between 0 and 1, separated by commas.

    Raises:
        UsageError: one is none.
    """
    from rdl.task.promises import check_shares

    if text is None:
        return None
    try:
        return check_shares([float(part) for part in text.split(",")], option.removeprefix("--"), option)
    except (ValueError, RdlError) as error:
        raise UsageError(f"{text!r} holds no shares", where=option, fix="write shares between 0 and 1: 0.9,0.5") from error


def read_grades(text: str | None) -> int | tuple[float, ...] | None:
    """How many grades, or their boundaries.

    Raises:
        UsageError: it is neither.
    """
    from rdl.task.promises import check_grades

    if text is None:
        return None
    try:
        return check_grades(int(text) if text.isdigit() else [float(part) for part in text.split(",")], "--grades")
    except (ValueError, RdlError) as error:
        raise UsageError(f"{text!r} names no grades", where="--grades", fix="write 7, or boundaries: 0.01,0.05") from error


def promise_lines(evaluation: "Evaluation") -> list[str]:
    """Whether probabilities mean what they say, how often intervals and sets held the truth by year, what grades came to."""
    from rdl.evaluate.words import calibrated

    lines = [f"  {sentence}" for sentence in calibrated(evaluation)]
    for coverage in evaluation.promises.coverage:
        whole = coverage.whole
        size = f"mean width {whole.width:.4g}; ±: by chance alone, one standard error"
        lines.append(f"  {100 * coverage.level:g} % held in {_share(whole)} of {whole.rows:,} rows, {size}")
        lines += [f"    {h.when}  {_share(h):>12} of {h.rows:>9,} rows, width {h.width:.4g}" for h in coverage.by_year]
    for grade in evaluation.promises.grades:
        place, seen = f"{grade.low:.4f} to {grade.high:.4f}", f"observed {grade.observed:.4f}, at the fit {grade.expected:.4f}"
        lines.append(f"  grade {grade.name:<3}{place}{grade.rows:>9,} rows, {seen}")
    return lines


def _share(held: "Held") -> str:
    """How often the truth was held, and what chance alone moves that by."""
    return f"{held.share:.1%} ± {100 * held.chance:.1f}"
