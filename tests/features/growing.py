"""A small database that grows from one snapshot to the next: members who join, static items, events, some of them without time."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.database import open_database
from rdl.features import PlanSettings, plan_features, survey_database
from rdl.project import open_project
from rdl.task import History, find_task
from rdl.timeline import DAY, parse_time

SETTINGS = """\
name = "growing"
[database]
source = "data/"
threads = 1
[tables.members]
key = "member"
time = "joined"
types = { city = "categorical" }
[tables.items]
key = "item"
time = false
types = { colour = "categorical" }
[tables.events]
key = "event"
time = "at"
references = { member = "members", item = "items" }
types = { kind = "categorical" }
"""
TASK = """\
/* rdl
task = "active"
kind = "binary"
entity = "members"
horizon = "10 days"
validate = 1970-01-10
test = 1970-02-01
*/
-- population: everybody.
SELECT c.cutoff, m.member FROM cutoffs c JOIN members m ON m.joined < c.cutoff
-- label: whether they do anything.
SELECT c.cutoff, m.member, count(e.event) > 0 AS label FROM cutoffs c CROSS JOIN members m
LEFT JOIN events e ON e.member = m.member AND e.at >= c.cutoff AND e.at < c.cutoff + $horizon
GROUP BY ALL
"""
START, MEMBERS, ITEMS = datetime(1969, 11, 1), 30, 5
FIRST = parse_time("1969-12-01")


def tables(days=100, seed=0):
    """Rows by table: of `days` days, and the same rows whatever follows them."""
    draw = np.random.default_rng(seed)
    joined = [START + timedelta(days=int(d)) for d in np.sort(draw.integers(0, 120, MEMBERS))]
    here = [i for i, at in enumerate(joined) if at < START + timedelta(days=days)]
    events = []
    for number in range(300):
        at = START + timedelta(hours=int(draw.integers(24, 150 * 24)))
        member = int(draw.integers(sum(moment <= at for moment in joined)))
        amount = None if draw.random() < 0.1 else round(float(draw.normal(10, 5)), 3)
        events.append((number, f"m{member}", int(draw.integers(ITEMS)), at, str(draw.choice(["buy", "see"])), amount))
    events = [e for e in events if e[3] < START + timedelta(days=days)]
    columns = dict(zip(("event", "member", "item", "at", "kind", "amount"), map(list, zip(*events, strict=True)), strict=True))
    columns["at"] = [None if i % 40 == 7 else at for i, at in zip(columns["event"], columns["at"], strict=True)]
    cities = draw.choice(["Bern", "Genf", "Zug"], MEMBERS).tolist()
    members = {"member": [f"m{i}" for i in here], "joined": [joined[i] for i in here], "city": [cities[i] for i in here]}
    items = {"item": list(range(ITEMS)), "colour": draw.choice(["red", "blue"], ITEMS).tolist(), "price": draw.gamma(2, 10, ITEMS)}
    return {"members": members, "items": items, "events": columns}


def write(folder, content, home, limit="1GB"):
    """The project with these rows, read; its home outlives snapshots."""
    (folder / "data").mkdir(parents=True)
    (folder / "rdl.toml").write_text(f'{SETTINGS}[keep]\nlimit = "{limit}"\n')
    for name, columns in content.items():
        pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")
    return open_database(open_project(folder, home))


def make_plan(database):
    """Features of members, past labels among them, as one would plan them on the first day."""
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, "members", FIRST + 40 * DAY)
    whole = plan_features(database.schema, "members", PlanSettings(10 * DAY, multiples=(1, 2, 3, 6)), survey)
    few = [name for block in whole.blocks for name in [f.name for f in whole.features if f.block == block.name][::5][:4]]
    return whole.only([*few, *(f.name for f in whole.features if f.categorical or not f.block)])


def make_history(days=100):
    """Past labels of everybody, every ten days."""
    time = FIRST + np.repeat(np.arange(0, days - 30, 10), MEMBERS) * DAY
    entity = np.tile(np.arange(MEMBERS), len(time) // MEMBERS)
    value = np.random.default_rng(3).integers(0, 2, 1000)[: len(time)].astype(np.float64)
    return History(entity, time - 10 * DAY, time, value)


def make_task(database):
    """Whether a member does anything in the next ten days."""
    folder = database.project.root / "sql" / "tasks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "active.sql").write_text(TASK)
    return find_task(database, "active")
