"""MLflow's own server with the reader and the errors of `rdl serve`.

`mlflow models serve` imports the model in a server process and hands every request to one function of its scoring server. That
function is replaced there, and only there, by one that reads bodies as `rdl serve` does: what is unknown is refused, what is huge
too, and no answer carries a traceback. Where another version of MLflow has no such function its own goes on.
"""

import logging
import os
from collections.abc import Callable

from rdl.mlops.bodies import JSON, MOST_BYTES, BodyError, read_body
from rdl.mlops.replies import refusal
from rdl.mlops.requests import Question

log = logging.getLogger(__name__)


def mend_server(answer: Callable[[Question], bytes]) -> bool:
    """Let `answer` answer the requests of MLflow's scoring server; whether this process is one."""
    from mlflow.pyfunc import scoring_server

    if getattr(scoring_server, "_SERVER_MODEL_PATH", "__pyfunc_model_path__") not in os.environ:
        return False
    if not hasattr(scoring_server, "invocations") or not hasattr(scoring_server, "InvocationsResponse"):
        log.warning("serve: this MLflow reads requests by itself: unknown columns are ignored, and errors may hold tracebacks")
        return True

    def invocations(data: bytes, content_type: str | None, *_: object) -> object:
        status, body = _answered(answer, data, content_type)
        return scoring_server.InvocationsResponse(response=body.decode(), status=status, mimetype=JSON)

    scoring_server.invocations = invocations
    return True


def _answered(answer: Callable[[Question], bytes], data: bytes, content_type: str | None) -> tuple[int, bytes]:
    if len(data) > MOST_BYTES:
        return refusal(BodyError(413, f"a body of {len(data):,} bytes; {MOST_BYTES:,} are read", fix="send fewer rows"))
    try:
        return 200, answer(read_body(data, content_type))
    except Exception as error:  # the asker is told, the log says the rest
        return refusal(error)
