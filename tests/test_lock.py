import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from rdl.errors import LockedError
from rdl.lock import locked
from rdl.process import Process
from tests.pipeline.workshop import ROOT

HOLD = """
import sys, time
from pathlib import Path
from rdl.lock import locked
with locked(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock `tmp_path / "l" / "a.lock"`."""
    path = tmp_path / "l" / "a.lock"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        yield path, process
        process.kill()


def test__locked__held_by_another_process__refused_with_its_pid(holder):
    path, process = holder
    with pytest.raises(LockedError, match=f"it is locked by process {process.pid} ") as caught, locked(path, "it"):
        pass
    assert caught.value.exit_code == 5


def test__locked__holder_killed__taken_over(holder):
    path, process = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(path, "it"):
        assert f'"pid": {os.getpid()}' in path.read_text(encoding="utf-8")


def test__locked__file_left_by_a_dead_process__taken(tmp_path):
    (tmp_path / "a.lock").write_text('{"pid": 1, "host": "gone", "since": "1999-01-01"}' * 10, encoding="utf-8")
    with locked(tmp_path / "a.lock", "it"):
        assert (tmp_path / "a.lock").read_text(encoding="utf-8").count("pid") == 1


def test__locked__file_names_a_living_process_that_began_later__taken(tmp_path):
    told = {"pid": os.getpid(), "host": socket.gethostname(), "started": "boot:1", "since": "1999-01-01"}
    (tmp_path / "a.lock").write_text(json.dumps(told), encoding="utf-8")
    with locked(tmp_path / "a.lock", "it"):
        now = json.loads((tmp_path / "a.lock").read_text(encoding="utf-8"))
        assert (now["pid"], now["started"]) == (os.getpid(), Process.current().started)


def test__locked__twice_in_one_process__refused_then_free(tmp_path):
    path, found = tmp_path / "a.lock", []

    def second():
        try:
            with locked(path, "it"):
                found.append("taken")
        except LockedError:
            found.append("refused")

    with locked(path, "it"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    second()
    assert found == ["refused", "taken"]


def test__locked__holder_lets_go_while_another_waits__taken(tmp_path):
    path, taken, let_go = tmp_path / "a.lock", threading.Event(), []

    def hold():
        with locked(path, "it"):
            taken.set()
            time.sleep(0.2)
            let_go.append(False)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    with pytest.raises(LockedError), locked(path, "it", patience=0.01):
        pass
    with locked(path, "it", patience=30):
        let_go.append(True)
    assert let_go == [False, True]
    thread.join()


def test__locked__body_fails__free(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locked(tmp_path / "a.lock", "it"):
            raise ZeroDivisionError


FORK = """
import os, sys, time
from pathlib import Path
from rdl.lock import locked
with locked(Path(sys.argv[1]), "it"):
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    print(child, flush=True)
    time.sleep(30)
"""


def test__locked__forked_child_outlives_killed_holder__free(tmp_path):
    path = tmp_path / "a.lock"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", FORK, str(path)], stdout=subprocess.PIPE, env=environment) as process:
        child = int(process.stdout.readline())
        try:
            time.sleep(0.1)
            with pytest.raises(LockedError), locked(path, "it"):
                pass
            process.kill()
            process.wait()
            with locked(path, "it"):
                os.kill(child, 0)
        finally:
            os.kill(child, signal.SIGKILL)
