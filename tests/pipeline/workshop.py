"""A small project, cheap steps that do real file work, and a process of its own to run them in.

`python -m tests.pipeline.workshop PIPELINE BASE [AS_OF]` runs a pipeline of these steps; before the unit named by the environment
variable HALT_IN publishes, the process writes the file HALT_FILE and waits to be killed, as HALT_HOW says: asleep (""), in a
statement of the database ("query"), in compiled code that never looks up ("native"), deaf to what a signal raises ("deaf"), or the
same with a process that it has started ("child").
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from rdl.errors import DataError
from rdl.pipeline import Context, Outcome, Pipeline, Settings, Step, read_pipeline, run_pipeline
from rdl.pipeline import plan as plan_module
from rdl.process import Process
from rdl.timeline import parse_time

ROOT = Path(__file__).resolve().parents[2]

PIPELINE = """
name    = "small"
project = "shop"
steps   = ["count", "double", "sum"]
tasks   = ["churn", "other"]
[count]
offset = 1
"""

TASK = """/* rdl
task     = "{name}"
kind     = "binary"
entity   = "customers"
horizon  = "7 days"
validate = 2025-02-15
test     = 2025-03-01
*/
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.joined_at < c.cutoff
-- label
SELECT c.cutoff, u.customer_id, count(o.order_id) = 0 AS label
FROM cutoffs c CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id AND o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL
"""


class CountSection(Settings):
    offset: int = 0
    fail: str = ""


def halt(context: Context) -> None:
    if os.environ.get("HALT_IN") == str(context.unit):
        Path(os.environ["HALT_FILE"]).write_text(str(os.getpid()), encoding="utf-8")
        HALTS[os.environ.get("HALT_HOW", "")](context)


def query(context: Context) -> None:
    with context.source.database.engine() as engine:
        engine.numpy("SELECT count(*) AS n FROM range(1000000) a(i), range(1000000) b(j) WHERE hash(i, j) % 7 = 3")


def native(context: Context) -> None:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)


def deaf(context: Context) -> None:
    with suppress(SystemExit):
        time.sleep(60)
    time.sleep(60)


def child(context: Context) -> None:
    words = f"import os, time; open({os.environ['HALT_FILE']!r} + '.child', 'w').write(str(os.getpid())); time.sleep(60)"
    subprocess.Popen([sys.executable, "-c", words])
    deaf(context)


HALTS = {"": lambda context: time.sleep(60), "query": query, "native": native, "deaf": deaf, "child": child}


def count(context: Context) -> Outcome:
    settings = context.section(CountSection, "count")
    if settings.fail == context.unit.task:
        raise DataError("told to fail", where=context.unit.task, fix="set fail to nothing")
    with context.source.database.engine() as engine:
        rows = int(engine.numpy("SELECT count(*) AS n FROM orders")["n"][0])
    (context.aside / "deep").mkdir()
    (context.aside / "deep" / "half.txt").write_text("half", encoding="utf-8")
    halt(context)
    (context.aside / "count.txt").write_text(str(rows + settings.offset), encoding="utf-8")
    return Outcome(rows, {"rows": rows})


def double(context: Context) -> Outcome:
    (before,) = context.before("count")
    number = int(next(path for path in before.outputs if path.name == "count.txt").read_text(encoding="utf-8"))
    halt(context)
    (context.aside / "double.txt").write_text(str(2 * number), encoding="utf-8")
    return Outcome(1)


def total(context: Context) -> Outcome:
    halt(context)
    found = {done.unit.task: done.outputs[0].read_text(encoding="utf-8") for done in context.before("double")}
    (context.aside / "sum.json").write_text(json.dumps(found, sort_keys=True), encoding="utf-8")
    return Outcome(len(found))


def make(context: Context) -> Outcome:
    """As the demo step does: write the project itself."""
    halt(context)
    write_project(context.aside)
    return Outcome(1)


STEPS = {
    step.name: step
    for step in (
        Step("make", make, lambda c: c.pipeline.project, per_task=False, reads_rows=False, dated=False),
        Step("count", count, lambda c: c.home / "counts" / c.unit.task / c.key, needs=("make",), sections={"count": CountSection}),
        Step("double", double, lambda c: c.home / "doubles" / c.unit.task / c.partition, requires=("count",)),
        Step("sum", total, lambda c: c.home / "sums" / c.partition, requires=("double",), per_task=False),
    )
}


def write_project(folder: Path, orders: int = 90) -> None:
    """Customers and a year's first orders; two tasks."""
    data, tasks = folder / "data", folder / "sql" / "tasks"
    data.mkdir(parents=True, exist_ok=True)
    tasks.mkdir(parents=True, exist_ok=True)
    start = pl.datetime(2025, 1, 1)
    people = pl.select(customer_id=pl.int_range(5), joined_at=start + pl.duration(days=pl.int_range(5)))
    bought = pl.select(
        order_id=pl.int_range(orders),
        customer_id=pl.int_range(orders) % 5,
        ordered_at=start + pl.duration(hours=24 * pl.int_range(orders) + 9),
    )
    people.write_parquet(data / "customers.parquet")
    bought.write_parquet(data / "orders.parquet")
    for name in ("churn", "other"):
        (tasks / f"{name}.sql").write_text(TASK.format(name=name), encoding="utf-8")
    (folder / "rdl.toml").write_text(
        '[database]\nsource = "data/"\nthreads = 1\n[tables.customers]\nkey = "customer_id"\ntime = "joined_at"\n'
        '[tables.orders]\nkey = "order_id"\ntime = "ordered_at"\nreferences = { customer_id = "customers" }\n',
        encoding="utf-8",
    )


def write_pipeline(base: Path, text: str = PIPELINE) -> Path:
    path = base / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def open_small(base: Path, text: str = PIPELINE) -> Pipeline:
    """The small pipeline on a project in `base / "shop"`, which is made where it is missing."""
    if not (base / "shop").exists() and '"make"' not in text:
        write_project(base / "shop")
    return read_pipeline(write_pipeline(base, text), STEPS, base)


def files(home: Path) -> dict[str, tuple[str, int]]:
    """Content and time of every published file."""
    kinds = ("counts", "doubles", "sums")
    found = [path for kind in kinds for path in sorted((home / kind).rglob("*")) if path.is_file()]
    return {path.relative_to(home).as_posix(): (path.read_text(encoding="utf-8"), path.stat().st_mtime_ns) for path in found}


def contents(home: Path) -> dict[str, str]:
    return {name: text for name, (text, _) in files(home).items()}


@contextmanager
def halted(base: Path, unit: str, module: str = "tests.pipeline.workshop", pipeline: str = "small.toml", limit: float = 60):
    """A process that has reached the middle of `unit`."""
    flag = base / f"halted-{unit.replace('/', '-')}"
    environment = {**os.environ, "HALT_IN": unit, "HALT_FILE": str(flag), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, str(base / pipeline), str(base)]
    process = subprocess.Popen(command, env=environment, cwd=base, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + limit
        while not flag.exists():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise AssertionError(f"{unit} was never reached: {process.communicate()[0].decode()[-3000:]}")
            time.sleep(0.02)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def gone(pid: int, within: float = 20.0) -> bool:
    """Whether a process has ended, soon."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not replace(Process.current(), pid=pid, started="").alive:
            return True
        time.sleep(0.1)
    return False


def main(path: str, base: str, as_of: str = "") -> None:
    from tests.pipeline import workshop  # noqa: PLW0406 -- by the name that a step in a process of its own is found by

    plan_module.code_version = lambda: "fixed"
    run_pipeline(read_pipeline(path, workshop.STEPS, Path(base)), parse_time(as_of) if as_of else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
