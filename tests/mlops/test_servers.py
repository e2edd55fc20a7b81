"""Servers in processes of their own, as people start them: `rdl serve` and `mlflow models serve`."""

import dataclasses
import json
import os
import shutil
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.database import open_database
from rdl.database.demo import write_demo
from rdl.features.kept.lineage import made_by
from rdl.mlops import find_version, score
from rdl.mlops.bodies import MOST_BYTES
from rdl.mlops.desk import Desk
from rdl.mlops.live import Live
from rdl.mlops.requests import newest
from rdl.mlops.scorer import Scorer
from rdl.mlops.serving import make_app
from rdl.mlops.store import find_store
from rdl.project import open_project
from rdl.task import find_task
from rdl.timeline import DAY, format_time
from tests.mlops.served import free_port, in_a_thread, serving
from tests.mlops.shop import small_fit

pytestmark = pytest.mark.slow

START = """
import sys
from rdl.features.kept import table
from rdl.cli import main

code = sys.argv[-1]
table.made_by = lambda: code  # the code that is being tested may change while a test runs
sys.argv = ["rdl", *sys.argv[1:-1]]
main()
"""
BAD = [
    ({"dataframe_records": [{"customer_id": 1}]}, "application/json", "unknown customer_id 1"),
    ({"dataframe_records": [{"customer_id": 105, "as_of": "soon"}]}, "application/json", "not a time: 'soon'"),
    ({"dataframe_records": [{"customer_id": 105, "as_of": "2031-01-01"}]}, "application/json", "lies in the future"),
    ({"dataframe_records": [{"customer_id": {"a": 1}}]}, "application/json", "is no customer_id"),
    ({"dataframe_records": [{"customer": 105}]}, "application/json", "did you mean 'customer_id'"),
    ("{", "application/json", "no JSON"),
    ("a,b\n1,2,3\n4", "text/csv", "row 0 has 3 values"),
    ("x", "application/vnd.apache.parquet", "no Parquet"),
    ("x" * (MOST_BYTES + 1), "application/json", "bytes"),
]


def ask(port, body, kind="application/json", path="/invocations"):
    """Status and parsed body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body if isinstance(body, str) else json.dumps(body), {"Content-Type": kind})
        told = connection.getresponse()
        return told.status, told.read().decode()
    finally:
        connection.close()


def health(port):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/health")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def wait_for(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def server(copy):
    """`rdl serve` on a store of its own; its port."""
    port = free_port()
    words = ["serve", "churn", "--port", str(port), "--project", str(copy.root), "--home", str(copy.home)]
    with serving([sys.executable, "-c", START, *words, made_by()], port):
        yield port


def register_again(project, version):
    """Another version of the same files."""
    client = find_store(project).client()
    source = client.get_model_version(version.name, version.number)
    return client, str(client.create_model_version(version.name, source.source, source.run_id).version)


def test__rdl_serve__alias_and_table_move_under_load__nothing_is_dropped(server, copy, champion, database, model):
    statuses, errors, ended = [], [], threading.Event()

    def load():
        while not ended.is_set():
            try:
                statuses.append(ask(server, {"dataframe_records": [{"customer_id": 105, "as_of": "2025-11-01"}]})[0])
            except OSError as error:
                errors.append(error)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert health(server)["model"]["version"] == champion.number
        client, number = register_again(copy, champion)
        client.set_registered_model_alias(champion.name, "champion", number)
        wait_for(lambda: health(server)["model"]["version"] == number)
        assert health(server)["table"] is None
        as_of = (newest(database) // DAY + 1) * DAY
        mine = open_database(copy.snapshot())
        aside = copy.home / "aside" / "table"
        model.materialise(mine, as_of, aside)
        place = copy.home / "tonight" / "churn" / "as_of=made"
        place.parent.mkdir(parents=True, exist_ok=True)
        aside.replace(place)
        wait_for(lambda: health(server)["table"] is not None)
        told = json.loads(ask(server, {"dataframe_records": [{"customer_id": 105}]})[1])["predictions"][0]
        assert told["cutoff"] == format_time(as_of)
        client.delete_registered_model_alias(champion.name, "champion")
        wait_for(lambda: health(server)["status"] == "degraded")
        assert "champion" in health(server)["problem"]
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not errors
    assert set(statuses) == {200}
    assert len(statuses) > 20


def test__rdl_serve__connection_idle_for_a_while__still_answers(server):
    connection = HTTPConnection("127.0.0.1", server, timeout=60)
    connection.connect()
    kept = connection.sock
    for pause in (0, 7):  # uvicorn hangs up after 5 s by itself
        time.sleep(pause)
        connection.request("POST", "/invocations", json.dumps({"dataframe_records": [{"customer_id": 105}]}))
        told = connection.getresponse()
        assert told.status == 200
        assert told.read()
        assert connection.sock is kept
    connection.close()


@pytest.mark.parametrize(("body", "kind", "message"), BAD)
def test__mlflow_models_serve__bad_request__gets_4xx_and_a_message(of_mlflow, body, kind, message):
    status, told = ask(of_mlflow, body, kind)
    assert 400 <= status < 500
    assert message in json.loads(told)["message"]
    assert "Traceback" not in told


@pytest.fixture(scope="module")
def of_mlflow(project, champion):
    """`mlflow models serve`, as its documentation has it; its port."""
    port = free_port()
    assert find_version(project, "churn").number == champion.number
    place = {"RDL_PROJECT": str(project.root), "RDL_HOME": str(project.home), "MLFLOW_TRACKING_URI": find_store(project).uri}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/churn@champion", "--env-manager", "local"]
    with serving([*command, "--host", "127.0.0.1", "--port", str(port)], port, **place, PATH=path):
        yield port


def test__mlflow_models_serve__answers_as_the_offline_scores_with_reasons(of_mlflow, project, database, task, model, tmp_path):
    as_of = newest(database)
    offline = pq.read_table(score(project, database, task, model, as_of, tmp_path / "scores.parquet").path).to_pylist()
    rows = [{"customer_id": row["customer_id"], "as_of": format_time(as_of)} for row in offline]
    status, body = ask(of_mlflow, {"dataframe_records": rows, "params": {"reasons": 2}})
    assert status == 200, body
    online = json.loads(body)["predictions"]
    assert max(abs(a["prediction"] - b["prediction"]) for a, b in zip(online, offline, strict=True)) <= 1e-6
    assert all(row["reasons"]["top"] for row in online)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A demo shop of more than ten thousand customers, and a small model of it."""
    from rdl.model import fit_model

    folder = tmp_path_factory.mktemp("large") / "shop"
    write_demo(folder, 130_000)
    database = open_database(open_project(folder))
    task = find_task(database, "churn")
    return database, task, fit_model(database, task, newest(database), small_fit())


@pytest.mark.parametrize("with_table", [False, True])
def test__serve__ten_thousand_entities__offline_equals_online(large, tmp_path, with_table):
    database, task, model = large
    as_of = newest(database)
    everybody = dataclasses.replace(task, population_sql="SELECT c.cutoff, u.customer_id FROM cutoffs c, customers u")
    offline = pq.read_table(score(database.project, database, everybody, model, as_of, tmp_path / "scores.parquet").path)
    keys, expected = offline["customer_id"].to_pylist(), offline["prediction"].to_numpy()
    assert len(keys) >= 10_000
    tables = database.project.home / "tonight" / "churn"
    shutil.rmtree(tables, ignore_errors=True)  # the tests share the shop and come in any order
    if with_table:
        model.materialise(database, as_of, tables / "made")
    live = Live(Scorer.on(database, model), lambda _: None)
    assert bool(live.scorer.tables) == with_table
    found = []
    with in_a_thread(make_app(Desk(live))) as port:
        for start in range(0, len(keys), 2500):
            status, body = ask(port, {"inputs": {"customer_id": keys[start : start + 2500]}})
            assert status == 200, body
            found += [row["prediction"] for row in json.loads(body)["predictions"]]
        few = [json.loads(ask(port, {"inputs": {"customer_id": key}})[1])["predictions"][0]["prediction"] for key in keys[:3]]
    assert np.abs(np.array(found) - expected).max() <= 1e-6
    assert np.abs(np.array(few) - expected[:3]).max() <= 1e-6
    assert len(np.unique(expected)) > 10
