"""The HTTP server: a real one, on loopback, on a free port."""

import json
import socket
import sys
from http.client import HTTPConnection

import pyarrow.parquet as pq
import pytest

from rdl.errors import UsageError
from rdl.mlops import score, serve
from rdl.timeline import format_time
from tests.mlops.served import free_port, serving

START = """
import sys
from rdl.mlops import serve
from rdl.project import open_project

serve(open_project(sys.argv[1]), "churn", port=int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def port(project, champion):
    port = free_port()
    with serving([sys.executable, "-c", START, str(project.root), str(port)], port):
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
        ({"dataframe_records": [{"customer_id": "abc"}]}, None, "customer_id"),
        ({"dataframe_records": []}, None, ""),
        ({"rows": [{"customer_id": 105}]}, None, "dataframe_records"),
        ({"inputs": [105]}, None, ""),
        ("{", None, "JSON"),
        ("customer_id\nabc\n", "text/csv", "abc"),
        ("a,b\n1,2,3\n4", "text/csv", ""),
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


def test__serve__port_taken__says_so(project, champion):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen"):
            serve(project, "churn", port=taken.getsockname()[1])
