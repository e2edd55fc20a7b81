"""Tell somebody that a run ended badly: a command, a webhook, or both.

The hook gets one JSON object: on its standard input, or as the body of a POST, and has `timeout` for it. Whatever becomes of the
hook is logged; the run's own error stays the one that is raised.
"""

import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from rdl.database.sources.credentials import expand
from rdl.errors import RdlError
from rdl.pipeline.operations import FailureSection, seconds

log = logging.getLogger(__name__)


def describe(error: BaseException) -> dict[str, Any]:
    """An error as the hook gets it."""
    if isinstance(error, RdlError):
        told = {"what": error.what, "where": error.where, "fix": error.fix}
        return {"error": type(error).__name__, **told, "exit_code": error.exit_code}
    code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
    return {"error": type(error).__name__, "what": str(error), "where": "", "fix": "", "exit_code": code}


def tell_failure(wanted: FailureSection, facts: Mapping[str, Any], where: Path) -> None:
    """Run the command and call the webhook, as far as there are any; nothing is raised.

    Args:
        wanted: `[on_failure]`.
        facts: what they are told.
        where: the pipeline's file, for messages.
    """
    body, limit = json.dumps(dict(facts)).encode(), seconds(wanted.timeout)
    if wanted.command:
        try:
            _command(wanted.command, body, limit)
        except Exception as error:
            log.warning("pipeline: the failure command %s: %s", wanted.command[0], error)
    if wanted.webhook:
        try:
            _post(expand(wanted.webhook, f"{where}, [on_failure] webhook"), body, limit)
        except Exception as error:
            log.warning("pipeline: the failure webhook: %s", error)


def _command(command: list[str], body: bytes, limit: float) -> None:
    process = subprocess.Popen(  # noqa: S603 -- the owner of the pipeline file wrote it
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.communicate(body, timeout=limit)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"took longer than {limit:g} s, and was ended") from None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
    if process.returncode:
        log.warning("pipeline: the failure command %s ended with code %d", command[0], process.returncode)


def _post(url: str, body: bytes, limit: float) -> None:
    """In a thread, since a server that answers a byte at a time holds a socket for as long as it likes."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("it is no address that begins with https:// or http://")
    request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 (looked at above)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            with urlopen(request, timeout=limit) as answer:  # noqa: S310 (looked at above)
                answer.read(1)
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        raise TimeoutError(f"{parts.hostname} did not answer within {limit:g} s")
    if caught:
        raise ConnectionError(f"{parts.hostname}: {caught[0]}")
