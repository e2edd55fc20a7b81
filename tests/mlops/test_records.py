"""What is said where the tracking server or the database of records does not answer, or does not let us in."""

import dataclasses
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rdl.errors import ProjectError, UnavailableError
from rdl.mlops import find_version, versions
from rdl.mlops.records import asking, find_reason
from rdl.project import TrackingSettings
from tests.mlops.served import free_port

CODE = "API request to endpoint /api failed with error code "
PLACE = "http://ann:secret@records:5000"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("API request to http://records/api failed with exception HTTPConnectionPool(refused)", UnavailableError, "not answer now"),
        ("API request to http://records/api failed with timeout exception read timed out", UnavailableError, "not answer now"),
        (CODE + "503 != 200. Response body: 'busy'", UnavailableError, "now: busy"),
        (
            "(psycopg2.OperationalError) connection to server at db, port 5 failed: refused",
            UnavailableError,
            "connection to server",
        ),
        ("(sqlite3.OperationalError) database is locked [SQL: INSERT]", UnavailableError, "database is locked"),
        (CODE + "401 != 200. Response body: 'who?'", ProjectError, "let us in: who?"),
        (
            "API request to endpoint /api failed with error code 403 != 200. Response body: 'Invalid Host'",
            ProjectError,
            "Invalid Host",
        ),
        (
            "API request to endpoint /api failed with error code 404 != 200. Response body: '<html>'",
            ProjectError,
            "no tracking server",
        ),
        ("to endpoint was successful but the response body was not in a valid JSON format", ProjectError, "no tracking server"),
    ],
)
def test__find_reason__known_error__is_told_without_the_password(text, kind, said):
    found = find_reason(PLACE, RuntimeError(text + " secret"))
    assert type(found) is kind
    assert said in found.what
    assert found.where == "http://ann:***@records:5000"
    assert found.fix
    assert "secret" not in str(found)


def test__asking__other_errors_and_answers__go_on_as_they_are():
    class Client:
        tracking_uri = PLACE

        def get_run(self, run):
            if run == "x":
                raise KeyError(run)
            return run

    client = asking(Client(), PLACE)
    assert (client.get_run("1"), client.tracking_uri) == ("1", PLACE)
    with pytest.raises(KeyError):
        client.get_run("x")


@pytest.fixture
def stranger(monkeypatch):
    """A web server that answers everything with one status."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    status = [404]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status[0])
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", status
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("code", "kind"), [(404, ProjectError), (403, ProjectError), (503, UnavailableError), (200, ProjectError)])
def test__find_version__server_that_is_none_or_refuses__is_told(project, stranger, code, kind):
    address, status = stranger
    status[0] = code
    with pytest.raises(ProjectError) as caught:
        find_version(dataclasses.replace(project, tracking=TrackingSettings(uri=address)), "churn")
    assert (type(caught.value), caught.value.where) == (kind, address)


def test__versions__server_away__may_be_asked_again_later(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = dataclasses.replace(project, tracking=TrackingSettings(uri=f"http://ann:secret@127.0.0.1:{free_port()}"))
    with pytest.raises(UnavailableError) as caught:
        versions(away, "churn")
    assert caught.value.exit_code == 6
    assert "secret" not in str(caught.value)
