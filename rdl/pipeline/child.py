"""A step in a process of its own, so that it can be ended, whatever it is in the middle of.

The parent writes down what the step is given, and reads what came of it; both are JSON. What the child logs goes on in the parent.
It works on the rows that the run has read, whatever the source holds by then.
The child dies with its parent: it ends when its standard input does.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rdl import errors
from rdl.errors import PipelineError, RdlError, TimeLimitError
from rdl.pipeline.step import Context, Done, Outcome, Step, Unit

if TYPE_CHECKING:
    from rdl.pipeline.source import Source

log = logging.getLogger(__name__)

GRACE_S = 5.0
"""How long a step that was told to stop may take to do so."""


def run_apart(step: Step, context: Context, limit: float) -> Outcome:
    """Run a step in a child process for at most `limit` seconds.

    Raises:
        TimeLimitError: it took longer, and was killed with everything it had started.
        RdlError: what the step raised.
        PipelineError: the process died, of a signal for example.
    """
    request, answer = (context.aside.with_name(f"{context.aside.name}.{word}.json") for word in ("request", "answer"))
    request.write_text(json.dumps(_request(step, context)), encoding="utf-8")
    command = [sys.executable, "-m", "rdl.pipeline.child", str(request), str(answer)]
    process = subprocess.Popen(  # noqa: S603 -- our own file, run by our own interpreter
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said = threading.Thread(target=_tell, args=(process.stdout,), daemon=True)
    said.start()
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        what = f"{context.unit} took longer than its limit of {limit:,.0f} s, and was ended"
        fix = f"raise [run] limits = {{ {step.name} = … }}, or ask for less"
        raise TimeLimitError(what, where=str(context.pipeline.path), fix=fix) from None
    finally:
        _end(process)
        said.join(GRACE_S)
        process.stdin.close()
        process.stdout.close()
        request.unlink(missing_ok=True)
    return _outcome(answer, code, context)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Stop the process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # children of a leader that has ended


def _request(step: Step, context: Context) -> dict[str, Any]:
    pipeline = context.pipeline
    return {
        "step": [step.run.__module__, step.name],
        "pipeline": {
            **{name: str(getattr(pipeline, name)) for name in ("name", "path", "project", "home")},
            "steps": [one.name for one in pipeline.steps],
            "tasks": list(pipeline.tasks),
            "sections": {name: pipeline.sections[name].model_dump(mode="json", exclude_unset=True) for name in step.sections},
        },
        "unit": asdict(context.unit),
        "key": context.key,
        "aside": str(context.aside),
        "upstream": [_done(done) for done in context.upstream],
        "inputs": dict(context.inputs),
        "rows": _rows(context.rows) if context.rows else None,
    }


def _rows(source: "Source") -> list[Any]:
    """The snapshot that this run has read: its as-of, its file, its fingerprint."""
    return [source.as_of, str(source.database.path), source.database.fingerprint]


def _done(done: Done) -> dict[str, Any]:
    return {**asdict(done), "outputs": [str(path) for path in done.outputs], "facts": dict(done.facts)}


def _tell(stream: IO[bytes]) -> None:
    """Log what the child logs."""
    for line in stream:
        text = line.decode(errors="replace").rstrip()
        try:
            name, level, message = json.loads(text)
        except (ValueError, TypeError):
            name, level, message = __name__, logging.INFO, text
        logging.getLogger(name).log(level, "%s", message)


def _outcome(answer: Path, code: int, context: Context) -> Outcome:
    try:
        found = json.loads(answer.read_text(encoding="utf-8"))
        answer.unlink()
    except (OSError, ValueError):
        how = f"of signal {-code}" if code < 0 else f"with code {code}"
        fix = "give it more memory, or ask for less" if code == -signal.SIGKILL else "see the log"
        raise PipelineError(f"{context.unit} died {how}", where=str(context.pipeline.path), fix=fix) from None
    if "error" in found:
        raise _error(found["error"])
    return Outcome(found["rows"], found["facts"])


def _error(told: Mapping[str, str]) -> Exception:
    kind = getattr(errors, told["kind"], None)
    if isinstance(kind, type) and issubclass(kind, RdlError):
        return kind(told["what"], where=told["where"], fix=told["fix"])
    return RuntimeError(f"{told['kind']}: {told['what']}")


def main(request: Path, answer: Path) -> None:
    """Do what the request says, and write the answer: what the step told, or what it raised."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO, handlers=[_Lines(sys.stdout)])
    found: dict[str, Any]
    try:
        step, context = _given(json.loads(request.read_text(encoding="utf-8")))
        outcome = step.run(context)
        found = {"rows": outcome.rows, "facts": dict(outcome.facts)}
    except RdlError as error:
        found = {"error": {"kind": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}}
    except Exception as error:
        log.exception("the step failed")
        found = {"error": {"kind": type(error).__name__, "what": str(error), "where": "", "fix": ""}}
    part = answer.with_suffix(".part")
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(answer)


def _given(told: Mapping[str, Any]) -> tuple[Step, Context]:
    """The step, and its context as the parent had it."""
    from rdl.pipeline.file import Pipeline
    from rdl.pipeline.source import reopen_source

    step, given = _step(*told["step"]), told["pipeline"]
    sections = {name: kind.model_validate(given["sections"][name]) for name, kind in step.sections.items()}
    paths = (Path(given["path"]), Path(given["project"]), Path(given["home"]))
    steps = tuple(step if name == step.name else Step(name, step.run, step.place) for name in given["steps"])  # the others' names
    pipeline = Pipeline(given["name"], *paths, steps, tuple(given["tasks"]), sections)
    source = None
    if told["rows"] is not None:
        as_of, path, fingerprint = told["rows"]
        source = reopen_source(pipeline, as_of, Path(path), fingerprint)
    upstream = tuple(
        Done(Unit(**done["unit"]), done["key"], done["rows"], tuple(map(Path, done["outputs"])), done["facts"])
        for done in told["upstream"]
    )
    return step, Context(pipeline, Unit(**told["unit"]), told["key"], Path(told["aside"]), upstream, source, told["inputs"])


def _step(module: str, name: str) -> Step:
    """The step that a module calls `STEP`, or has among its `STEPS`."""
    room = import_module(module)
    own = getattr(room, "STEP", None)
    found = own if own is not None and own.name == name else room.STEPS[name]
    assert isinstance(found, Step)
    return found


class _Lines(logging.StreamHandler[Any]):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps([record.name, record.levelno, super().format(record)])


def _die_with_parent() -> None:
    while os.read(0, 4096):  # sys.stdin would hold its lock when the interpreter ends
        pass
    os._exit(1)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
