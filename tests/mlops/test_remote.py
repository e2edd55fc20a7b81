"""A night against real tracking servers: backed by SQLite and by PostgreSQL, files by their proxy and by URL."""

import dataclasses
import shutil
from urllib.parse import quote

import numpy as np
import pytest

from rdl.errors import GateError
from rdl.mlops import find_version, load_version, log_run, promote, register, rollback, score, versions
from rdl.mlops.registry import FETCHED, fetch_package
from rdl.mlops.store import find_store
from rdl.project import TrackingSettings
from rdl.task import population_at
from tests.mlops.tracked import tracking_server
from tests.servers import PASSWORD, USER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["sqlite", "postgresql", "url"])
def remote(request, project, model, tmp_path):
    """The project, with a server for its store; with `url`, files do not go through it."""
    backend, flags = f"sqlite:///{tmp_path / 'server.db'}", ["--artifacts-destination", str(tmp_path / "artifacts")]
    tracking = {}
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        server.create("tracking")
        backend = f"postgresql+psycopg2://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/tracking"
    if request.param == "url":
        flags, tracking = ["--no-serve-artifacts"], {"artifacts": (tmp_path / "artifacts").as_uri()}
    home = tmp_path / "home"
    shutil.copytree(project.home, home, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    with tracking_server(tmp_path, backend, *flags) as address:
        yield dataclasses.replace(project, home=home, tracking=TrackingSettings(uri=address, **tracking)), request.param


def test__remote_store__a_night__is_logged_registered_gated_and_scored(remote, database, task, model, small, tmp_path, capsys):
    project, kind = remote
    page = tmp_path / "report.html"
    page.write_text("<p>fine</p>")
    run = log_run(project, database, task, model, settings=small, report=page)
    version = register(project, task, run)
    assert promote(project, database, task, version).promoted

    assert capsys.readouterr().out == ""  # MLflow would tell where to look
    client = find_store(project).client()
    source = client.get_model_version("churn", "1").source
    assert source.startswith({"url": (tmp_path / "artifacts").as_uri()}.get(kind, "mlflow-artifacts:/"))
    logged = client.get_run(run.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.inputs.dataset_inputs
    assert {a.path for a in client.list_artifacts(run.run_id)} >= {"database.json", "lineage", "model.json", "report"}
    assert list((tmp_path / "artifacts").rglob("manifest.json"))

    found = find_version(project, "churn")
    assert found.tags["rdl.gate"] == "promoted"
    assert found.tags["rdl.snapshot"] == database.fingerprint
    loaded = load_version(project, found)
    seeds = population_at(database, task, np.array([database.span[1]]))
    assert (loaded.predict(database, seeds).prediction == model.predict(database, seeds).prediction).all()
    told = score(project, database, task, loaded, database.span[1] + 1, tmp_path / "scores.parquet", version=found.number)
    assert told.rows > 0

    second = promote(project, database, task, register(project, task, run))
    assert not second.promoted
    assert "nothing tells them apart" in second.reason
    assert promote(project, database, task, find_version(project, "churn", "2"), force="to go back again").promoted
    assert rollback(project, "churn").champion == "1"
    with pytest.raises(GateError):
        rollback(project, "churn")
    assert [v.tags["rdl.gate"] for v in versions(project, "churn")] == ["restored", "rolled back"]

    package = fetch_package(project, found)
    assert package.is_dir()
    assert (FETCHED in package.parts) == (kind != "url")
    assert fetch_package(project, found) == package
    text = b"".join(
        p.read_bytes() for p in package.rglob("*") if p.is_file() and p.suffix in {"", ".json", ".txt", ".yaml", ".yml", ".py"}
    )
    for mine in (str(tmp_path), str(project.home), str(project.root), "file://", PASSWORD):
        assert mine.encode() not in text
