"""Real servers, started on loopback for the length of a test session."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "rdl", "wh@t/ever?#%41 ü"


@dataclass(frozen=True)
class PostgresServer:
    """A running PostgreSQL that lets `USER` in with `PASSWORD`, and nobody without one.

    Attributes:
        binaries: the folder of `psql` and its kin.
        port: where it listens on loopback.
    """

    binaries: Path
    port: int

    def run(self, sql: str, database: str = "postgres") -> str:
        """What psql prints for `sql`: rows of values divided by `|`."""
        command = [self.binaries / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        flags = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "PGCLIENTENCODING": "UTF8"}
        done = subprocess.run([*command, *flags], input=sql, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def create(self, database: str, script: str = "") -> str:
        """Make a database anew, fill it with `script`, and return its URL, with the password in `${RDL_TEST_PASSWORD}`."""
        self.run(f'DROP DATABASE IF EXISTS "{database}"')
        self.run(f'CREATE DATABASE "{database}"')
        self.run(script, database)
        return self.url(database)

    def url(self, database: str) -> str:
        """The URL of a database, with the password in `${RDL_TEST_PASSWORD}`."""
        return f"postgresql://{USER}:${{RDL_TEST_PASSWORD}}@127.0.0.1:{self.port}/{database}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this session's own, or a skip that says what is missing."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: no initdb in PATH or below /usr/lib/postgresql")
    with cluster(binaries) as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDL_TEST_PASSWORD", PASSWORD)
        yield PostgresServer(binaries, port)


def find_binaries() -> Path | None:
    """The folder of the newest installed PostgreSQL's `initdb`."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in installed), key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def cluster(binaries: Path) -> Iterator[int]:
    """A cluster in a folder of its own, which the user `postgres` can enter: PostgreSQL refuses to run as root."""
    root = Path(tempfile.mkdtemp(prefix="rdl-pg-"))
    data, words = root / "data", root / "password"
    words.write_text(PASSWORD, encoding="utf-8")
    if os.geteuid() == 0:
        for path in (root, words):
            shutil.chown(path, "postgres", "postgres")
    try:
        encoding = ["--encoding=UTF8", "--locale=C", "--no-sync"]
        _as_postgres(binaries / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={words}", *encoding)
        port = _start(binaries, data, root / "log")
        try:
            yield port
        finally:
            _as_postgres(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _start(binaries: Path, data: Path, log: Path) -> int:
    """Start the server on a free port: another one where somebody was faster."""
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c synchronous_commit=off"
        try:
            _as_postgres(binaries / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        except subprocess.CalledProcessError:
            continue
        return port
    raise RuntimeError(f"PostgreSQL does not start: {log.read_text(encoding='utf-8')}")


def _as_postgres(*command: str | Path) -> None:
    drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*drop, *command], cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
