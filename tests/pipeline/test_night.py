import os
import signal
import subprocess
import sys

import pytest

from rdl.mlops.store import find_store
from rdl.pipeline import Ledger, Status
from rdl.project import open_project
from tests.database.sinks.test_sinks import rows
from tests.pipeline.night import PIPELINE, UNITS
from tests.pipeline.workshop import ROOT, halted, write_pipeline


def night(base):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.pipeline.night", str(base / "small.toml"), str(base)]
    subprocess.run(command, env=environment, cwd=base, check=True, capture_output=True)


def results(base):
    """What the night is for: scores, backtest and lake, byte for byte; the warehouse; and how often the model was registered."""
    home = base / "shop" / ".rdl"
    found = {name: path.read_bytes() for name in ("scores", "predictions") for path in home.rglob(f"{name}.parquet")}
    found["lake"] = (base / "lake" / "task=churn").rglob("scores.parquet").__next__().read_bytes()
    found["warehouse"] = rows(base / "warehouse.duckdb", "SELECT * EXCLUDE (snapshot) FROM scores.churn ORDER BY ALL")
    assert len(found) == 4
    client = find_store(open_project(base / "shop")).client()
    versions = [(v.version, v.aliases) for v in client.search_model_versions("name = 'churn'")]
    return found, versions


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test__demo_night__killed_in_every_step__same_scores_and_one_version(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for base in (whole, killed):
        base.mkdir()
        write_pipeline(base, PIPELINE)
    night(whole)
    for unit in UNITS:
        with halted(killed, unit, "tests.pipeline.night", limit=900) as process:
            process.send_signal(signal.SIGKILL)
    night(killed)
    assert results(killed) == results(whole)
    runs = Ledger.of(killed / "shop" / ".rdl").runs()
    assert [run.status for run in runs] == [Status.DONE] + [Status.DIED] * len(UNITS)
