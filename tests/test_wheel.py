"""The wheel holds all that the demo needs: SQL, pipelines, templates."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

NIGHT = """\
name = "small"
project = "shop"
steps = ["demo", "check", "train", "evaluate", "register", "promote", "score", "report"]
tasks = ["churn"]
[demo]
rows = 3000
[fit]
members = ["entity", "features"]
[evaluate]
regimes = ["fresh"]
"""


def run(*words: str, folder: Path, site: Path) -> str:
    """Standard output of a command that sees the installed wheel and not the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test__wheel__in_an_empty_folder__runs_the_demo(tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    pip = [sys.executable, "-m", "pip", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)], check=True, timeout=200)
    wheel = next(tmp_path.glob("rdl-*.whl"))
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, timeout=200)
    assert str(site) in run("-c", "import rdl; print(rdl.__file__)", folder=empty, site=site)
    assert "demo" in run("-m", "rdl.cli", "run", "demo", "--dry-run", folder=empty, site=site)
    assert not (empty / "shop").exists()
    (empty / "small.toml").write_text(NIGHT)
    said = run("-m", "rdl.cli", "run", "small.toml", folder=empty, site=site)
    assert "score/churn" in said
    home = empty / "shop" / ".rdl"
    assert len(list(home.glob("scores/churn/*/scores.parquet"))) == 1
    assert len(list(home.glob("reports/churn/*/report.html"))) == 1
