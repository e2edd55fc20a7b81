"""What a command says: results on standard output, progress on standard error."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any


def say(as_json: bool, facts: dict[str, Any], lines: Sequence[str]) -> None:
    """One result: `facts` as one line of JSON, or `lines` for a reader."""
    print(json.dumps(facts) if as_json else "\n".join(lines))


@contextmanager
def progress(as_json: bool = False) -> Iterator[None]:
    """Show what `rdl` logs: the latest line with a spinner on a terminal, plain lines elsewhere, or one JSON object a line."""
    logger = logging.getLogger("rdl")
    logger.setLevel(logging.INFO)
    if as_json or not sys.stderr.isatty():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Objects() if as_json else logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        with _handled(logger, handler):
            yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        shown = bar.add_task("starting", total=None)

        class _Latest(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                bar.update(shown, description=record.getMessage())

        with _handled(logger, _Latest()):
            yield


class _Objects(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = {"time": moment, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return json.dumps(facts | ({"trace": self.formatException(record.exc_info)} if record.exc_info else {}))


@contextmanager
def _handled(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
