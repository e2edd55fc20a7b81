"""What a server says when it does not answer: a status, and a JSON object with `error_code` and `message`, never a traceback."""

import json
import logging

from rdl.errors import RdlError, TimeError, UsageError
from rdl.mlops.bodies import BodyError
from rdl.mlops.desk import BusyError
from rdl.task.asked import RequestError

log = logging.getLogger(__name__)

_LONGEST = 1000  # characters of a message
_CODES = {400: "INVALID_PARAMETER_VALUE", 408: "REQUEST_TIMEOUT", 413: "REQUEST_TOO_LARGE", 415: "BAD_REQUEST"}
_CODES |= {404: "ENDPOINT_NOT_FOUND", 405: "ENDPOINT_NOT_FOUND", 429: "REQUEST_LIMIT_EXCEEDED", 500: "INTERNAL_ERROR"}


def status_of(error: Exception) -> int:
    """The status that says whose error it is: the asker's 4xx, or the server's 500."""
    if isinstance(error, BodyError):
        return error.status
    if isinstance(error, BusyError):
        return 429
    return 400 if isinstance(error, RequestError | TimeError | UsageError) else 500


def refusal(error: Exception) -> tuple[int, bytes]:
    """Status and body of an error; one of the server's own is told in its log."""
    status = status_of(error)
    if status == 500:
        log.error("serve: %s: %s", type(error).__name__, error, exc_info=None if isinstance(error, RdlError) else error)
    message = str(error) if isinstance(error, RdlError) else "something failed in the server; its log says what"
    return status, said(status, message)


def said(status: int, message: str) -> bytes:
    """The body of an answer that is an error."""
    text = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
    return json.dumps({"error_code": _CODES.get(status, "BAD_REQUEST"), "message": text}).encode()
