"""Online predictions over HTTP: the champion of a task in one process, by MLflow's scoring protocol.

    POST /invocations   entity keys in, predictions out; `"params": {"reasons": 3}` or `?reasons=3` for reasons
    GET  /health        model, freshness of the data, tonight's table, the queue; GET /ping for a load balancer
    GET  /metrics       the same for Prometheus;  GET /version

`mlflow models serve` answers the same requests alike, through a launcher and a second Python. What this server adds: questions that
come together are answered together, more than it can answer is refused at once, and a new champion, a newer table or snapshot takes
over while it runs. SIGINT and SIGTERM end it after the requests under way.
"""

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING

from rdl.errors import UsageError
from rdl.mlops.bodies import JSON, MOST_BYTES, BodyError, read_body
from rdl.mlops.desk import PATIENCE_S, WAITING, Desk
from rdl.mlops.health import Counts, health, metrics
from rdl.mlops.live import POLL_S, Live
from rdl.mlops.registry import CHAMPION, fetch_package, find_version
from rdl.mlops.replies import refusal, said
from rdl.mlops.scorer import Scorer
from rdl.project import Project

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

log = logging.getLogger(__name__)

BODY_S = 10.0
"""A body that takes longer to arrive is not waited for."""
KEPT_S = 75
"""A connection without a request is kept so long: longer than load balancers keep theirs (60 s), so that they hang up first, and
none sends a request into a connection that this server is closing."""
_DRAINED = 4 * MOST_BYTES  # bytes of a body too large that are thrown away, so that who sends them reads the answer
_LARGE = 2**16  # bytes of a body that are read in the event loop


def serve(
    project: Project, task_name: str, host: str = "127.0.0.1", port: int = 5001, which: str = CHAMPION, waiting: int = WAITING
) -> None:
    """Answer for one task until a signal ends it; it listens once it is ready.

    Args:
        project: whose registry and database.
        task_name: whose model.
        host: the address to listen on; it has no authentication, so keep it behind a proxy.
        port: the port to listen on.
        which: alias or version of the model; where an alias moves, the server moves with it.
        waiting: how many requests may wait for an answer.

    Raises:
        UsageError: there is no such model, or the port is taken.
        ModelFileError: its files are not what was logged.
    """
    import socket

    import uvicorn

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error}", fix="name another --port") from error
    live = open_live(project, task_name, which)
    live.watch()
    log.info("serve: %s on http://%s:%d/invocations", task_name, host, port)
    app = make_app(Desk(live, waiting))
    uvicorn.run(app, host=host, port=port, timeout_keep_alive=KEPT_S, log_level="warning", access_log=False)


def open_live(project: Project, task_name: str, which: str = CHAMPION, poll_s: float = POLL_S) -> Live:
    """The model that is asked for, warm, and the way to a newer one.

    Raises:
        UsageError, ModelFileError: see `serve`.
    """
    version = find_version(project, task_name, which)
    scorer = Scorer.open(project, fetch_package(project, version) / "artifacts" / "model", version.number)
    scorer.warm()
    if not scorer.tables:
        log.warning("serve: no table of tonight's features: they are computed. Make one: rdl features %s --materialise", task_name)

    def renew(current: Scorer) -> Scorer | None:
        named = find_version(project, task_name, which)
        if named.number == current.version:
            return current.renewed()
        return Scorer.open(project, fetch_package(project, named) / "artifacts" / "model", named.number)

    return Live(scorer, renew, poll_s)


def build_app(project: Project, task_name: str, which: str = CHAMPION) -> "Starlette":
    """The application around the model that is asked for, which stays the same.

    Raises:
        UsageError, ModelFileError: see `serve`.
    """
    return make_app(Desk(open_live(project, task_name, which), WAITING, PATIENCE_S))


def make_app(desk: Desk) -> "Starlette":
    """The application that answers at a desk."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    counts, started = Counts(), time.time()

    async def invocations(request: "Request") -> Response:
        before = time.monotonic()
        try:
            body = await _body(request)
            reasons, kind = request.query_params.get("reasons"), request.headers.get("content-type")
            large = len(body) > _LARGE
            question = await asyncio.to_thread(read_body, body, kind, reasons) if large else read_body(body, kind, reasons)
            status, told = 200, await desk.ask(question)
        except Exception as error:  # the asker is told, the log says the rest
            status, told = refusal(error)
        counts.add(status, time.monotonic() - before)
        return Response(told, status, {"Retry-After": "1"} if status == 429 else None, JSON)

    async def ping(_: "Request") -> Response:
        return Response("\n", media_type=JSON)

    async def tell_health(_: "Request") -> Response:
        return Response(json.dumps(health(desk, started)), media_type=JSON)

    async def tell_metrics(_: "Request") -> Response:
        return PlainTextResponse(metrics(desk, counts))

    async def version(_: "Request") -> Response:
        from mlflow.version import VERSION

        return PlainTextResponse(VERSION)

    async def unknown(_: "Request", error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return Response(said(status, "POST /invocations, or GET /health, /ping, /metrics, /version"), status, media_type=JSON)

    gets = {"/ping": ping, "/health": tell_health, "/metrics": tell_metrics, "/version": version}
    routes = [Route("/invocations", invocations, methods=["POST"])]
    routes += [Route(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()]
    return Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})


async def _body(request: "Request") -> bytes:
    """The whole body.

    Raises:
        BodyError: it is too large, or does not arrive.
    """
    from starlette.requests import ClientDisconnect

    parts, size = list[bytes](), 0
    told = request.headers.get("content-length", "0")
    limit = 0 if told.isdigit() and int(told) > MOST_BYTES else MOST_BYTES
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size <= limit:
                    parts.append(part)
                elif size > _DRAINED:
                    break
                else:
                    parts.clear()
    except TimeoutError:
        raise BodyError(408, f"the body did not arrive within {BODY_S:g} s", fix="send it at once") from None
    except ClientDisconnect:
        raise BodyError(400, "the body ends before its length", fix="send it whole") from None
    if size > limit:
        raise BodyError(413, f"a body of more than {MOST_BYTES:,} bytes", fix="send fewer rows, or use: rdl score")
    return b"".join(parts)
