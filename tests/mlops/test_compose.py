"""mlflow/compose.yaml without containers: every service's command as a process on loopback, asked for its health, and used.

A port, a host or a volume of a container is another one here; everything else is what the file says.
"""

import dataclasses
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from rdl.features.kept.lineage import made_by
from rdl.mlops import find_version, load_version, log_run, promote, register
from rdl.project import TrackingSettings
from rdl.task import population_at
from tests.mlops.served import free_port, serving
from tests.mlops.test_project_file import FOLDER
from tests.mlops.test_servers import START, ask
from tests.servers import PASSWORD, USER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VARIABLE = re.compile(r"\$\{(\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\}")
PINS = {"mlflow": "MLFLOW_VERSION", "psycopg2-binary": "PSYCOPG2_VERSION", "boto3": "BOTO3_VERSION"}
GIVEN = {"POSTGRES_PASSWORD": "s3same"}


def read_services(given):
    """The services, `${NAME}`, `${NAME:-word}` and `${NAME:?word}` filled in as compose does."""

    def fill(match):
        value = given.get(match.group(1), "")
        if not value and match.group("kind") == "?":
            raise KeyError(match.group("word"))
        return value or (match.group("word") if match.group("kind") == "-" else "") or ""

    return yaml.safe_load(VARIABLE.sub(fill, (FOLDER / "compose.yaml").read_text(encoding="utf-8")))["services"]


def read_env():
    lines = (FOLDER / "server.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def healthy(service, swaps, environment):
    """Whether the service's health check passes, within its interval and retries."""
    check = service["healthcheck"]
    kind, *words = check["test"]
    words = [swapped(word, swaps) for word in words]
    command = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
    for _ in range(check["retries"]):
        if subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(min(1.0, float(check["interval"].removesuffix("s"))))
    return False


def swapped(text, swaps):
    for old, new in swaps.items():
        text = text.replace(old, new)
    return text


@pytest.fixture
def records(postgres_server):
    """The service `records`: its user and database in the session's PostgreSQL; its port."""
    service = read_services(read_env() | GIVEN)["records"]
    told = service["environment"]
    assert {name: told[name] for name in ("POSTGRES_USER", "POSTGRES_DB")} == {"POSTGRES_USER": "mlflow", "POSTGRES_DB": "mlflow"}
    postgres_server.run("DROP DATABASE IF EXISTS mlflow")
    postgres_server.run("DROP ROLE IF EXISTS mlflow")
    postgres_server.run(f"CREATE ROLE mlflow LOGIN PASSWORD '{told['POSTGRES_PASSWORD']}'")
    postgres_server.run("CREATE DATABASE mlflow OWNER mlflow")
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres_server.port), "PGUSER": USER, "PGPASSWORD": PASSWORD}
    path = f"{postgres_server.binaries}{os.pathsep}{os.environ['PATH']}"
    assert healthy(service, {}, {**os.environ, **where, "PATH": path})
    return postgres_server.port


@pytest.fixture
def tracking(records, tmp_path):
    """The service `tracking`, run as its command says; its address, and what it asked pip for."""
    service, port = read_services(read_env() | GIVEN)["tracking"], free_port()
    assert service["depends_on"] == {"records": {"condition": "service_healthy"}}
    (host,) = {word.split(":")[0] for word in service["ports"]}
    (mounted,) = {word.split(":")[1] for word in service["volumes"]}
    swaps = {"0.0.0.0": host, "5000": str(port), "@records/": f"@127.0.0.1:{records}/", mounted: str(tmp_path / "artifacts")}
    path = f"{tmp_path / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (tmp_path / "bin").mkdir()
    pip = tmp_path / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" > {tmp_path / "pip"}\n', encoding="utf-8")
    pip.chmod(0o755)
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MLFLOW_"))}
    environment = {**mine, **service["environment"], "PATH": path}
    command = [swapped(word, swaps) for word in service["command"]]
    with serving(command, port, **environment):
        assert healthy(service, swaps, environment)
        yield f"http://{host}:{port}", (tmp_path / "pip").read_text(encoding="utf-8")


def test__compose_file__without_a_password__is_refused():
    with pytest.raises(KeyError, match="set it in"):
        read_services(read_env())


def test__compose_file__services__register_and_serve_a_model(tracking, project, database, task, model, small, tmp_path):
    address, asked = tracking
    versions = read_env()
    pins = [f"{name}=={versions[variable]}" for name, variable in PINS.items()]
    assert asked.split() == ["install", "-q", *pins]

    project = dataclasses.replace(project, home=tmp_path / "home", tracking=TrackingSettings(uri=address))
    run = log_run(project, database, task, model, settings=small)
    assert promote(project, database, task, register(project, task, run)).promoted
    assert list((tmp_path / "artifacts").rglob("manifest.json")), "files go through the server"
    seeds = population_at(database, task, np.array([database.span[1]]))
    found = load_version(project, find_version(project, "churn"))
    assert (found.predict(database, seeds).prediction == model.predict(database, seeds).prediction).all()

    root, port = tmp_path / "shop", free_port()
    root.mkdir()
    for part in ("data", "sql"):
        (root / part).symlink_to(project.root / part)
    (root / "rdl.toml").write_text(f'{(project.root / "rdl.toml").read_text()}\n[tracking]\nuri = "{address}"\n')
    words = ["serve", "churn", "--port", str(port), "--project", str(root), "--home", str(tmp_path / "served")]
    with serving([sys.executable, "-c", START, *words, made_by()], port):
        status, body = ask(port, {"dataframe_records": [{"customer_id": 105}]})
    assert status == 200, body
