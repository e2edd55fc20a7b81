"""The HTTP server: a real one on loopback, in a thread; see `test_servers` for those in processes of their own."""

import json
import math
import socket
from http.client import HTTPConnection

import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.errors import UsageError
from rdl.mlops import score, serve, serving
from rdl.mlops.bodies import MOST_BYTES
from rdl.mlops.desk import Desk
from rdl.mlops.live import Live
from rdl.mlops.scorer import Scorer
from rdl.mlops.serving import make_app
from rdl.timeline import format_time
from tests.mlops.served import in_a_thread

REQUEST = {"dataframe_records": [{"customer_id": 105}]}


@pytest.fixture(scope="module")
def live(project, database, model):
    return Live(Scorer.on(database, model, "1"), lambda _: None)


@pytest.fixture(scope="module")
def port(live):
    with in_a_thread(make_app(Desk(live))) as port:
        yield port


@pytest.fixture
def post(port):
    def send(body, kind="application/json"):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            text = body if isinstance(body, str) else json.dumps(body)
            connection.request("POST", "/invocations", text, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    return send


@pytest.fixture
def get(port):
    def send(path, method="GET"):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    return send


def test__serve__whole_population__agrees_with_the_offline_scores(post, project, database, task, model, tmp_path):
    as_of = database.span[1] + 1
    offline = pq.read_table(score(project, database, task, model, as_of, tmp_path / "scores.parquet").path).to_pylist()
    rows = [{"customer_id": row["customer_id"], "as_of": format_time(as_of)} for row in offline]
    status, body = post({"dataframe_records": rows})
    assert status == 200
    online = json.loads(body)["predictions"]
    assert [row["customer_id"] for row in online] == [row["customer_id"] for row in offline]
    assert max(abs(a["prediction"] - b["prediction"]) for a, b in zip(online, offline, strict=True)) <= 1e-6


def test__serve__csv_and_split__answer_alike(post):
    status, csv = post("customer_id,as_of\n105,2025-11-01\n107,\n", "text/csv")
    assert status == 200
    split = {"columns": ["customer_id", "as_of"], "data": [[105, "2025-11-01"], [107, None]]}
    assert json.loads(post({"dataframe_split": split})[1]) == json.loads(csv)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"dataframe_records": [{"customer_id": 1}]}, None, "unknown customer_id 1"),
        ({"dataframe_records": [{"customer": 105}]}, None, "did you mean 'customer_id'"),
        ({"dataframe_records": [{"customer_id": 105, "asof": "2025-11-01"}]}, None, "did you mean 'as_of'"),
        ({"dataframe_records": [{"customer_id": 105, "as_of": "soon"}]}, None, "not a time: 'soon'"),
        ({"dataframe_records": [{"customer_id": 105, "as_of": "2031-01-01"}]}, None, "lies in the future"),
        ({"dataframe_records": [{"customer_id": "abc"}]}, None, "unknown customer_id 'abc'"),
        ({"dataframe_records": [{"customer_id": True}]}, None, "True is no customer_id"),
        ({"dataframe_records": [{"customer_id": [105]}]}, None, "[105] is no customer_id"),
        ({"dataframe_records": [{"customer_id": {"id": 105}}]}, None, "is no customer_id"),
        ({"dataframe_records": [{"customer_id": None}]}, None, "no customer_id"),
        ({"dataframe_records": [{"customer_id": 105.5}]}, None, "unknown customer_id 105.5"),
        ({"dataframe_records": [{"customer_id": 10**30}]}, None, "several types"),
        ({"dataframe_records": [{"customer_id": "\ud800"}]}, None, "is no customer_id"),
        ({"dataframe_records": [{"customer_id": "x" * 10**6}]}, None, "unknown customer_id"),
        ({"dataframe_records": [{"customer_id": 105, "as_of": 20251101}]}, None, "is int, not text"),
        ({"dataframe_records": [{"customer_id": 105, "as_of": ["2025-11-01"]}]}, None, "is list, not text"),
        ({"dataframe_records": [{"customer_id": 105, "as_of": "2025-13-45"}]}, None, "not a time"),
        ({"dataframe_records": [{"customer_id": 105, "as_of": "1999-01-01"}]}, None, "before the data begins"),
        ({"dataframe_records": [{"customer_id": 159, "as_of": "2025-02-01"}]}, None, "not known yet"),
        ({"dataframe_records": [{"customer_id": 105}], "params": {"reasons": 999}}, None, "999 reasons"),
        ({"dataframe_records": []}, None, "no rows"),
        ({"rows": [{"customer_id": 105}]}, None, "dataframe_records"),
        ({"inputs": [105]}, None, "columns by name"),
        ("{", None, "JSON"),
        ("customer_id\nabc\n", "text/csv", "abc"),
        ("a,b\n1,2,3\n4", "text/csv", "row 0 has 3 values"),
        ("not parquet", "application/vnd.apache.parquet", "Parquet"),
        ("x", "text/plain", "content types"),
    ],
)
def test__serve__bad_request__gets_4xx_and_a_message_without_a_traceback(post, body, kind, message):
    status, told = post(body, kind or "application/json")
    assert 400 <= status < 500
    assert message in json.loads(told)["message"]
    assert "Traceback" not in told
    assert "stack_trace" not in told


def test__serve__huge_body__gets_413_whether_its_length_is_told_or_not(port):
    for headers, body in [({}, b"x" * (MOST_BYTES + 1)), ({"Transfer-Encoding": "chunked"}, iter([b"x" * 2**20] * 17))]:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/invocations", body, headers, encode_chunked=bool(headers))
        told = connection.getresponse()
        assert told.status == 413
        assert "bytes" in json.loads(told.read())["message"]
        connection.close()


def test__serve__body_that_never_arrives__gets_408_and_harms_nobody(port, post, monkeypatch):
    monkeypatch.setattr(serving, "BODY_S", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert post(REQUEST)[0] == 200
        assert slow.recv(2**16).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/x", 404)])
def test__serve__other_paths__say_what_there_is(get, method, path, status):
    told, body = get(path, method)
    assert told == status
    assert "POST /invocations" in json.loads(body)["message"]


def test__serve__health__tells_model_data_table_and_queue(get, post, database, model):
    assert post(REQUEST)[0] == 200
    status, body = get("/health")
    told = json.loads(body)
    assert (status, told["status"], told["problem"]) == (200, "ok", None)
    assert told["model"]["version"] == "1"
    assert told["model"]["as_of"] == format_time(model.as_of)
    assert told["data"]["until"] == format_time(database.span[1] + 1)
    assert told["data"]["age_s"] > 0
    assert told["data"]["snapshot"] == database.fingerprint
    assert told["table"] is None
    assert told["queue"]["limit"] == 256
    assert get("/ping") == (200, "\n")
    counted = get("/metrics")[1]
    assert 'rdl_requests_total{status="200"}' in counted
    assert 'rdl_model{task="churn",version="1"} 1' in counted


def test__serve__reasons__add_up_to_the_members_margin(post, model):
    status, body = post({**REQUEST, "params": {"reasons": 3}})
    assert status == 200
    (row,) = json.loads(body)["predictions"]
    why = row["reasons"]
    assert why["member"] == "features"
    assert why["unit"] == "log-odds"
    assert 0 < len(why["top"]) <= 3
    assert all(reason["words"] and reason["effect"] for reason in why["top"])
    margin = why["base"] + why["rest"] + sum(reason["effect"] for reason in why["top"])
    chance, calibration = np.array([1 / (1 + math.exp(-margin))]), model.choices.calibration
    told = chance if calibration is None else calibration.apply(chance, model.task.kind)
    assert told[0] == pytest.approx(row["prediction"], abs=1e-5)
    assert "reasons" not in json.loads(post(REQUEST)[1])["predictions"][0]


def test__serve__error_of_its_own__is_500_without_a_traceback(post, live, monkeypatch):
    monkeypatch.setattr(Scorer, "answers", lambda *_: 1 / 0)
    status, body = post(REQUEST)
    assert status == 500
    assert "ZeroDivision" not in body
    assert "log" in json.loads(body)["message"]


def test__serve__port_taken__says_so(project, champion):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen"):
            serve(project, "churn", port=taken.getsockname()[1])
