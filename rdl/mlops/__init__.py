"""MLflow: runs, the packaged model, the registry with its champion, offline scores and the HTTP server.

No other room imports mlflow, and this one does so only inside functions, because it costs two seconds. Before MLflow can
be imported, its telemetry is switched off, so that nothing here tries the network by itself, and its chatter is turned down.
"""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")  # half a minute; by itself it asks for four of them
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # standard output is for results

from rdl.mlops.gate import Decision, GateSettings, decide
from rdl.mlops.promotion import Promotion, champion_at, promote, rollback
from rdl.mlops.registry import Version, find_version, load_champion, load_version, register, versions
from rdl.mlops.scoring import ScoreSummary, score
from rdl.mlops.serving import serve
from rdl.mlops.tracking import RunInfo, log_run

__all__ = [
    "Decision",
    "GateSettings",
    "Promotion",
    "RunInfo",
    "ScoreSummary",
    "Version",
    "champion_at",
    "decide",
    "find_version",
    "load_champion",
    "load_version",
    "log_run",
    "promote",
    "register",
    "rollback",
    "score",
    "serve",
    "versions",
]
