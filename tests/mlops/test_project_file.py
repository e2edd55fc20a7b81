"""The folder mlflow/: entry points that name real commands, and run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from rdl.cli import app
from tests.mlops.shop import write_shop

FOLDER = Path(__file__).parents[2] / "mlflow"
ENTRIES = yaml.safe_load((FOLDER / "MLproject").read_text(encoding="utf-8"))["entry_points"]


@pytest.mark.parametrize("name", ENTRIES)
def test__entry_point__calls_a_command_with_options_that_it_has(name):
    entry = ENTRIES[name]
    command = entry["command"].split(" && ")[1].split()
    known = typer.main.get_command(app).commands[command[1]]
    options = {option for parameter in known.params for option in parameter.opts}
    assert {word for word in command if word.startswith("--")} <= options
    assert set(re.findall(r"{(\w+)}", entry["command"])) == set(entry["parameters"])


def test__compose_file__pins_what_the_tests_run_with():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    given = dict(line.split("=", 1) for line in (FOLDER / "server.env").read_text().splitlines() if "=" in line and line[0] != "#")
    pinned = dict(line.split("==") for line in (FOLDER.parent / "constraints.txt").read_text().splitlines() if "==" in line)
    assert given["MLFLOW_VERSION"] == pinned["mlflow"]
    assert given["PSYCOPG2_VERSION"] == pinned["psycopg2-binary"]
    assert given["BOTO3_VERSION"] == pinned["boto3"]
    assert given["POSTGRES_PASSWORD"] == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test__mlflow_run__train_audit_and_score__do_what_the_commands_do(tmp_path):
    shop = tmp_path / "shop"
    write_shop(shop)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'runs.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }

    def run(entry, **parameters):
        words = [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
        command = [sys.executable, "-m", "mlflow", "run", str(FOLDER), "-e", entry, "--env-manager", "local", "-P", "project=shop"]
        done = subprocess.run([*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "models:/churn/1 is champion: the first version" in run("train", task="churn")
    assert "stay as they are without the" in run("audit", task="churn")
    run("score", task="churn", as_of="2025-11-30")
    assert (shop / "scores.parquet").is_file()
