"""`rdl serve` under load: a server in a process of its own, and this process as the load generator.

`python tests/benchmarks/serving.py [--rows N] [--seconds S] [--members features] [--project DIR --home DIR] [--plain]` prints one
JSON object a line. Without --project it makes a demo shop, a model, and tonight's table (`--plain`: none). Measured:

- cold start: from the start of the process to the first answer;
- a closed loop: so many connections, each asking for one entity as soon as it was answered: requests a second, p50, p99;
- an open loop: requests sent at a given rate whatever becomes of them, times counted from when each was due;
- a flood beyond the queue: how many get 429, and how soon after it a single request is answered within 150 ms;
- CPU-milliseconds of the server a request, which tell more than times where the machine is shared.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from rdl.database import open_database
from rdl.project import open_project
from rdl.task import entity_keys, find_task

TASK = "churn"


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON."""
    print(json.dumps({"name": "serving", "case": case, "value": round(value, 3), "unit": unit}), flush=True)


def rdl(*words: object) -> None:
    """A command of rdl, which must succeed."""
    subprocess.run([sys.executable, "-m", "rdl.cli", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def prepare(folder: Path, home: Path, rows: int, members: str, plain: bool) -> None:
    """The demo shop with a champion, and with tonight's table unless `plain`."""
    rdl("demo", folder, "--rows", rows)
    place = ("--project", folder, "--home", home)
    rdl("train", TASK, "--members", members, "--budget", "2m", *place)
    if not plain:
        rdl("features", TASK, "--materialise", *place)


def some_keys(folder: Path, home: Path, count: int) -> list[bytes]:
    """Bodies of requests for one entity each."""
    database = open_database(open_project(folder, home).snapshot())
    task = find_task(database, TASK)
    drawn = np.random.default_rng(0).integers(0, database.schema[task.entity_table].rows, count)
    return [json.dumps({"dataframe_records": [key]}).encode() for key in entity_keys(database, task, drawn).to_pylist()]


class Server:
    """A server in a process of its own."""

    def __init__(self, folder: Path, home: Path, waiting: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        words = ["serve", TASK, "--port", self.port, "--waiting", waiting, "--project", folder, "--home", home]
        self.process = subprocess.Popen([sys.executable, "-m", "rdl.cli", *map(str, words)])

    def cpu_s(self) -> float:
        """CPU-seconds so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """The largest memory it had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    def stop(self) -> None:
        """End it and wait."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Connection:
    """One kept-alive connection, spoken to by hand, so that the generator costs little."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes) -> int:
        """The status of the answer to one request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(told.partition("content-length:")[2].split("\r\n")[0]))
        return int(told.split()[1])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


async def timed(connection: Connection, body: bytes, since: float, times: list[float], statuses: Counter[int]) -> None:
    """One request, its time counted from `since`."""
    statuses[await connection.ask(body)] += 1
    times.append(time.monotonic() - since)


async def closed_loop(port: int, bodies: list[bytes], connections: int, seconds: float) -> tuple[list[float], Counter[int]]:
    """Every connection asks as soon as it was answered."""
    times, statuses, until = list[float](), Counter[int](), time.monotonic() + seconds

    async def one(place: int) -> None:
        connection, i = Connection(port), place
        while time.monotonic() < until:
            await timed(connection, bodies[i % len(bodies)], time.monotonic(), times, statuses)
            i += connections
        connection.close()

    await asyncio.gather(*(one(place) for place in range(connections)))
    return times, statuses


async def open_loop(port: int, bodies: list[bytes], rate: float, seconds: float) -> tuple[list[float], Counter[int]]:
    """Requests at random times, `rate` a second on average; a free connection takes each, or a new one."""
    draw, times, statuses = np.random.default_rng(1), list[float](), Counter[int]()
    free: list[Connection] = []

    async def one(body: bytes, due: float) -> None:
        connection = free.pop() if free else Connection(port)
        await timed(connection, body, due, times, statuses)
        free.append(connection)

    tasks, due = [], time.monotonic()
    for i in range(int(rate * seconds)):
        due += draw.exponential(1 / rate)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        tasks.append(asyncio.create_task(one(bodies[i % len(bodies)], due)))
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return times, statuses


async def flood(port: int, bodies: list[bytes], requests: int) -> tuple[Counter[int], float]:
    """So many requests at once; the statuses, and seconds from the flood's start until one request takes less than 150 ms."""
    times, statuses, start = list[float](), Counter[int](), time.monotonic()
    at_once = [Connection(port) for _ in range(requests)]
    burst = [asyncio.create_task(timed(c, bodies[i % len(bodies)], start, times, statuses)) for i, c in enumerate(at_once)]
    await asyncio.sleep(0.05)
    probe = Connection(port)
    while True:
        before = time.monotonic()
        if await probe.ask(bodies[0]) == 200 and time.monotonic() - before < 0.15:
            break
        await asyncio.sleep(0.05)
    recovered = time.monotonic() - start
    await asyncio.gather(*burst)
    for connection in (*at_once, probe):
        connection.close()
    return statuses, recovered


def tell(case: str, found: tuple[list[float], Counter[int]], wall: float, cpu: float) -> None:
    """The figures of one loop."""
    times, statuses = found
    report(f"{case}: answered", statuses[200] / wall, "requests/s")
    for share in (50, 99):
        report(f"{case}: p{share}", float(np.percentile(times, share)) * 1e3, "ms")
    report(f"{case}: server", cpu / max(len(times), 1) * 1e3, "cpu-ms/request")
    for status, count in sorted(statuses.items()):
        if status != 200:
            report(f"{case}: status {status}", count, "requests")


async def first_answer(port: int, body: bytes) -> None:
    """Wait until a request is answered."""
    while True:
        try:
            assert await Connection(port).ask(body) == 200
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return


def measure(server: Server, bodies: list[bytes], seconds: float, rate: float) -> None:
    """All figures of a server that was just started."""
    before = time.monotonic()
    asyncio.run(first_answer(server.port, bodies[0]))
    report("cold start", time.monotonic() - before, "s")
    report("cold start", server.cpu_s(), "cpu-s")
    for connections in (1, 8, 32):
        cpu, start = server.cpu_s(), time.monotonic()
        found = asyncio.run(closed_loop(server.port, bodies, connections, seconds))
        tell(f"{connections} connections", found, time.monotonic() - start, server.cpu_s() - cpu)
    cpu, start = server.cpu_s(), time.monotonic()
    found = asyncio.run(open_loop(server.port, bodies, rate, seconds))
    tell(f"{rate:g} requests/s", found, time.monotonic() - start, server.cpu_s() - cpu)
    statuses, recovered = asyncio.run(flood(server.port, bodies, 800))
    report("flood of 800: refused with 429", statuses[429], "requests")
    report("flood of 800: recovered after", recovered, "s")
    assert set(statuses) <= {200, 429}, statuses
    report("peak memory", server.peak_mib(), "MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="orders of the demo shop")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each loop")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second of the open loop")
    parser.add_argument("--waiting", type=int, default=256, help="the server's queue")
    parser.add_argument("--members", default="features")
    parser.add_argument("--plain", action="store_true", help="no table of tonight's features")
    parser.add_argument("--project", type=Path, help="a project whose task churn has a champion")
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.project or Path(name) / "shop"
        home = options.home or folder / ".rdl"
        if options.project is None:
            prepare(folder, home, options.rows, options.members, options.plain)
        bodies = some_keys(folder, home, 2000)
        server = Server(folder, home, options.waiting)
        try:
            measure(server, bodies, options.seconds, options.rate)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
