"""A champion whose files lie in S3: logged, registered, loaded, scored and served, against a server that speaks S3."""

import dataclasses
import json
import os
import shutil
import sys
from http.client import HTTPConnection
from urllib.request import Request, urlopen

import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.errors import ProjectError, UnavailableError
from rdl.features.kept.lineage import made_by
from rdl.mlops import find_version, load_version, log_run, promote, register, score
from rdl.mlops.registry import FETCHED, fetch_package
from rdl.mlops.store import find_store
from rdl.project import TrackingSettings
from rdl.task import population_at
from rdl.timeline import format_time
from tests.mlops.buckets import KEY, client, environment, s3_server
from tests.mlops.served import free_port, serving
from tests.mlops.test_servers import START
from tests.mlops.tracked import tracking_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def bucket(monkeypatch):
    """The address of an S3 server with one bucket; this process reaches it."""
    with s3_server() as address:
        enter(monkeypatch, address)
        client(address).create_bucket(Bucket="rdl", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield address


def enter(monkeypatch, address, **keys):
    names, given = environment(address, **keys)
    for name in names:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def stored(project, model, tmp_path):
    """The project with records and home of its own, and its files in the bucket."""
    home = tmp_path / "home"
    shutil.copytree(project.home, home, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts", FETCHED))
    tracking = TrackingSettings(uri=f"sqlite:///{tmp_path / 'records.db'}", artifacts="s3://rdl/night/")
    return dataclasses.replace(project, home=home, tracking=tracking)


def test__s3__champion__is_logged_registered_loaded_scored_and_served(bucket, stored, database, task, model, small, tmp_path):
    run = log_run(stored, database, task, model, settings=small)
    version = register(stored, task, run)
    assert promote(stored, database, task, version).promoted
    store = find_store(stored)
    assert store.client().get_model_version("churn", "1").source.startswith("s3://rdl/night/")
    listed = {o["Key"] for o in client(bucket).list_objects_v2(Bucket="rdl", Prefix="night/")["Contents"]}
    assert any(key.endswith("artifacts/model/manifest.json") for key in listed)
    assert any(key.endswith("report/report.html") for key in listed)

    elsewhere = dataclasses.replace(stored, home=tmp_path / "elsewhere")  # a machine that has never seen the files
    found = find_version(elsewhere, "churn")
    assert FETCHED in fetch_package(elsewhere, found).parts
    seeds, as_of = population_at(database, task, np.array([database.span[1]])), database.span[1]
    loaded = load_version(elsewhere, found)
    assert (loaded.predict(database, seeds).prediction == model.predict(database, seeds).prediction).all()
    told = score(stored, database, task, loaded, as_of, tmp_path / "scores.parquet", version=found.number)
    scores = pq.read_table(told.path).to_pylist()
    assert told.rows == len(scores) > 0
    check_served(stored, tmp_path, scores[:5], as_of)


def check_served(project, tmp_path, scores, as_of):
    """`rdl serve` answers as the scores say."""
    root = tmp_path / "served"
    shutil.copytree(project.root, root, ignore=shutil.ignore_patterns(".rdl"))
    tracking = "".join(f'{name} = "{value}"\n' for name, value in project.tracking.model_dump(exclude_none=True).items())
    (root / "rdl.toml").write_text((root / "rdl.toml").read_text() + f"\n[tracking]\n{tracking}")
    port = free_port()
    words = ["serve", "churn", "--port", str(port), "--project", str(root), "--home", str(tmp_path / "served-home")]
    with serving([sys.executable, "-c", START, *words, made_by()], port):
        rows = [{"customer_id": row["customer_id"], "as_of": format_time(as_of)} for row in scores]
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/invocations", json.dumps({"dataframe_records": rows}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
    assert answer.status == 200, body
    assert [row["prediction"] for row in body["predictions"]] == pytest.approx([row["prediction"] for row in scores], abs=1e-6)


def test__s3__behind_a_server__clients_need_no_keys(bucket, stored, database, task, model, small, monkeypatch, tmp_path):
    flags = ["--artifacts-destination", "s3://rdl/served", "--serve-artifacts"]
    with tracking_server(tmp_path, f"sqlite:///{tmp_path / 'server.db'}", *flags) as address:
        leave(monkeypatch)
        project = dataclasses.replace(stored, tracking=TrackingSettings(uri=address))
        page = tmp_path / "report.html"
        page.write_text("<p>fine</p>")
        run = log_run(project, database, task, model, settings=small, report=page)
        assert promote(project, database, task, register(project, task, run)).promoted
        source = find_store(project).client().get_model_version("churn", "1").source
        assert source.startswith("mlflow-artifacts:/")
        listed = {o["Key"] for o in client(bucket).list_objects_v2(Bucket="rdl", Prefix="served/")["Contents"]}
        assert any(key.endswith("artifacts/model/manifest.json") for key in listed), "the server keeps files in the bucket"
        assert any(key.endswith("report/report.html") for key in listed)

        elsewhere = dataclasses.replace(project, home=tmp_path / "elsewhere")
        found, as_of = find_version(elsewhere, "churn"), database.span[1]
        seeds = population_at(database, task, np.array([as_of]))
        loaded = load_version(elsewhere, found)
        assert (loaded.predict(database, seeds).prediction == model.predict(database, seeds).prediction).all()
        told = score(project, database, task, loaded, as_of, tmp_path / "scores.parquet", version=found.number)
        scores = pq.read_table(told.path).to_pylist()
        assert told.rows == len(scores) > 0
        check_served(project, tmp_path, scores[:5], as_of)


def leave(monkeypatch):
    """From now on this process knows nothing of the bucket."""
    for name in [*os.environ]:
        if name.startswith("AWS_") or name == "MLFLOW_S3_ENDPOINT_URL":
            monkeypatch.delenv(name)


def test__s3__wrong_keys__are_refused_with_what_to_do(bucket, stored, database, task, model, monkeypatch):
    run = log_run(stored, database, task, model)
    plain = {"Content-Type": "text/plain"}
    urlopen(Request(f"{bucket}/moto-api/reset-auth", b"0", plain, method="POST")).close()  # from now on only known keys may enter
    for key in (KEY, ""):
        enter(monkeypatch, bucket, key=key, secret="wrong" if key else "")
        with pytest.raises(ProjectError) as caught:
            log_run(stored, database, task, model)
        assert "AWS_ACCESS_KEY_ID" in caught.value.fix
        with pytest.raises(ProjectError) as caught:
            register(stored, task, run)
        assert "AWS_ACCESS_KEY_ID" in caught.value.fix
        assert caught.value.where.startswith("s3://rdl/night/")
    runs = find_store(stored).client().search_runs([store_experiment(stored)])
    assert sorted(r.info.status for r in runs) == ["FAILED", "FAILED", "FINISHED"]


def store_experiment(project):
    store = find_store(project)
    return store.experiment_id(store.client(), "churn")


def test__s3__no_bucket_or_no_server__is_told(bucket, stored, database, task, model, monkeypatch):
    nowhere = dataclasses.replace(stored, tracking=stored.tracking.model_copy(update={"artifacts": "s3://other/x"}))
    with pytest.raises(ProjectError, match="no such bucket") as caught:
        log_run(nowhere, database, task, model)
    assert "[tracking] artifacts" in caught.value.fix
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UnavailableError) as caught:
        log_run(nowhere, database, task, model)
    assert "MLFLOW_S3_ENDPOINT_URL" in caught.value.fix
