"""A small world that makes leaks visible: cycles, a self reference, ties, null times, and labels one can learn."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.boost import BoostSettings
from rdl.database import Database, open_database
from rdl.gnn import GnnSettings
from rdl.model import FitSettings, Model
from rdl.project import open_project
from rdl.task import Seeds, population_at
from rdl.timeline import parse_time, to_datetime

SETTINGS = """\
name = "world"
[database]
source = "data/"
threads = 1
[tables.users]
key = "user"
time = "joined"
references = { friend = "users", favourite = "items" }
types = { city = "categorical" }
[tables.items]
key = "item"
time = false
references = { owner = "users" }
types = { colour = "categorical" }
[tables.events]
key = "event"
time = "at"
lag = "1 hour"
references = { user = "users", item = "items" }
types = { kind = "categorical" }
"""

TASK = """\
/* rdl
task = "{name}"
kind = "{kind}"
entity = "users"
horizon = "10 days"
validate = 2025-04-11
test = 2025-05-11
*/
-- population: users with an event in the last 30 days.
SELECT DISTINCT c.cutoff, e.user FROM cutoffs c
JOIN events e ON e.at < c.cutoff - INTERVAL 1 HOUR AND e.at >= c.cutoff - INTERVAL 30 DAY
JOIN users u ON u.user = e.user AND u.joined < c.cutoff
-- label: what they do next.
SELECT c.cutoff, u.user, {label} AS label FROM cutoffs c CROSS JOIN users u
LEFT JOIN events e ON e.user = u.user AND e.at >= c.cutoff AND e.at < c.cutoff + $horizon
GROUP BY ALL
"""

START, DAYS, USERS, ITEMS = datetime(2025, 1, 1), 150, 60, 8
CUTOFF = parse_time("2025-05-11")
SMALL = FitSettings(
    seed=3,
    folds=2,
    boost=BoostSettings(rounds=15, seeds=1, learning_rate=0.2, max_depth=3, min_child_weight=2.0, threads=1, columns=80),
    gnn=GnnSettings(channels=8, fanouts=(8, 4), buckets=64, epochs=2, batch_size=128, threads=1),
)
TREES = replace(SMALL, members=("features",))


def tables(seed: int = 0) -> dict[str, pa.Table]:
    """Users who join over time and act at their own pace, faster while the owner of their favourite item is active."""
    draw = np.random.default_rng(seed)
    joined = [START + timedelta(hours=int(h)) for h in np.sort(draw.integers(0, 60 * 24, USERS))]
    favourite, pace = draw.integers(0, ITEMS, USERS), draw.uniform(2, 20, USERS)
    events = [(u, int(draw.integers(0, ITEMS)), at) for u in range(USERS) for at in _moments(joined[u], pace[u], draw)]
    moments = [None if draw.random() < 0.02 else at for _, _, at in events]
    users = {
        "user": [f"u{i}" for i in range(USERS)],
        "joined": joined,
        "friend": [None if i == 0 else f"u{int(draw.integers(0, i))}" for i in range(USERS)],
        "favourite": favourite,
        "city": draw.choice(["Bern", "Genf", "Zug"], USERS).tolist(),
        "age": draw.integers(18, 80, USERS).astype(float),
    }
    items = {
        "item": np.arange(ITEMS),
        "owner": [f"u{i}" for i in draw.integers(0, USERS, ITEMS)],
        "colour": draw.choice(["red", "blue"], ITEMS).tolist(),
        "price": draw.gamma(2, 10, ITEMS),
    }
    happened = {
        "event": np.arange(len(events)),
        "user": [f"u{u}" for u, _, _ in events],
        "item": [i for _, i, _ in events],
        "at": pa.array(moments, pa.timestamp("us")),
        "kind": draw.choice(["view", "buy", "return"], len(events)).tolist(),
        "amount": draw.gamma(2, 5, len(events)),
    }
    return {"users": pa.table(users), "items": pa.table(items), "events": pa.table(happened)}


def _moments(start: datetime, pace: float, draw: np.random.Generator) -> list[datetime]:
    """Event times on whole hours, so that some tie."""
    found, hours = [], 0.0
    while (hours := hours + float(draw.exponential(pace * 24))) < DAYS * 24:
        at = start + timedelta(hours=int(hours))
        if at < START + timedelta(days=DAYS):
            found.append(at)
    return found


def write(folder: Path, content: dict[str, pa.Table]) -> Database:
    """The project with these rows, read."""
    (folder / "data").mkdir(parents=True)
    (folder / "sql" / "tasks").mkdir(parents=True)
    (folder / "rdl.toml").write_text(SETTINGS)
    for name, table in content.items():
        pq.write_table(table, folder / "data" / f"{name}.parquet")
    (folder / "sql" / "tasks" / "active.sql").write_text(TASK.format(name="active", kind="binary", label="count(e.event) > 0"))
    (folder / "sql" / "tasks" / "spend.sql").write_text(
        TASK.format(name="spend", kind="regression", label="coalesce(sum(e.amount), 0)")
    )
    return open_database(open_project(folder))


def write_paced(folder: Path) -> Database:
    """The same with a task of three classes, `pace`."""
    database = write(folder, tables())
    label = "CASE WHEN count(e.event) > 2 THEN 'often' WHEN count(e.event) > 0 THEN 'some' ELSE 'never' END"
    (folder / "sql" / "tasks" / "pace.sql").write_text(TASK.format(name="pace", kind="multiclass", label=label))
    return database


def people(world: Database, model: Model, cutoff: int = CUTOFF) -> Seeds:
    """Those whom the model's task asks about at a cutoff."""
    return population_at(world, model.task, np.array([cutoff]))


def rewrite_future(content: dict[str, pa.Table], seed: int, cutoff: int = CUTOFF) -> dict[str, pa.Table]:
    """The same world, but everything at or after `cutoff` is changed, deleted or added to."""
    draw = np.random.default_rng(seed)
    events, users = content["events"].to_pylist(), content["users"].to_pylist()
    moment = to_datetime(cutoff)
    kept = []
    for row in events:
        late = row["at"] is None or row["at"] + timedelta(hours=1) >= moment  # the table's lag: it arrives an hour later
        if not late:
            kept.append(row)
        elif draw.random() < 0.6:
            kept.append({**row, "amount": float(draw.gamma(2, 500)), "kind": "unheard of", "item": int(draw.integers(0, ITEMS))})
    first = len(events)
    for i in range(int(draw.integers(0, 80))):
        at = moment + timedelta(hours=int(draw.integers(-1, 300)))  # an hour before and the lag make it arrive at the cutoff
        user = f"u{int(draw.integers(0, USERS))}"
        kept.append(
            {"event": first + i, "user": user, "item": int(draw.integers(0, ITEMS)), "at": at, "kind": "new", "amount": 1e6}
        )
    for i in range(int(draw.integers(0, 5))):
        users.append({"user": f"v{i}", "joined": moment, "friend": "u1", "favourite": 1, "city": "Mars", "age": 500.0})
    shuffled = [kept[i] for i in draw.permutation(len(kept))]
    return {
        "users": pa.Table.from_pylist(users, content["users"].schema),
        "items": content["items"],
        "events": pa.Table.from_pylist(shuffled, content["events"].schema),
    }
