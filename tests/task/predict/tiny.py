"""A database small enough to check by hand, and what a compiled sentence says of it at two cutoffs."""

from pathlib import Path

import pyarrow as pa

from rdl.database import Database
from rdl.database.sandbox import Sandbox
from rdl.task.predict import Compiled, compile_sentence
from rdl.task.taskfile import read_task_file
from rdl.timeline import format_duration, parse_duration, parse_time, to_datetime
from tests.projects import opened, write_project

TOML = """
[database]
source = "data"
infer = false
[tables.regions]
key = "region"
types = { title = "categorical" }
[tables.customers]
key = "id"
time = "born"
references = { region = "regions" }
types = { city = "categorical", vip = "boolean", credit = "numeric" }
[tables.products]
key = "product"
types = { sort = "categorical" }
[tables.orders]
key = "order_id"
time = "at"
references = { customer = "customers", product = "products" }
types = { status = "categorical", amount = "numeric" }
[tables.lines]
key = "line"
time = "settled"
references = { order_id = "orders" }
[tables.tickets]
key = "ticket"
time = "opened"
lag = "1 day"
references = { customer = "customers" }
[tables.matches]
key = "match"
time = "played"
references = { home = "customers", away = "customers" }
[tables.notes]
key = "note"
time = false
references = { customer = "customers" }
[tables.loose]
key = "id"
time = "at"
[tables.pairs]
key = ["left", "right"]
[tables.order]
key = "id"
time = "wann"
references = { kunde = "customers" }
"""
DATA = {
    "regions": """region,title,size
r1,North,10
r2,South,20
""",
    "customers": r"""id,born,city,vip,credit,region
a,2025-01-01 00:00:00,Bern,true,100,r1
b,2025-01-05 00:00:00,Genf,false,50,r2
d,2025-02-03 00:00:00,Bern,\N,\N,\N
""",
    "products": """product,sort,price
p1,food,2.5
p2,ware,4
p3,ware,9
""",
    "orders": r"""order_id,customer,at,amount,status,product
1,a,2025-01-10 00:00:00,10,paid,p1
2,a,2025-01-31 23:59:59,20,open,p2
3,a,2025-02-01 00:00:00,5,paid,p1
4,b,2025-02-05 00:00:00,\N,open,p2
5,b,2025-02-10 12:00:00,7.5,paid,\N
6,a,2025-02-11 00:00:00,1,paid,p3
7,a,2025-02-20 00:00:00,40,void,p1
8,\N,2025-02-06 00:00:00,99,paid,p1
9,b,\N,60,paid,p1
10,d,2025-02-15 00:00:00,30,\N,p2
11,d,2025-02-15 00:00:00,30,paid,p1
""",
    "lines": """line,order_id,settled,quantity
1,1,2025-01-10 00:00:00,2
2,3,2025-02-02 00:00:00,3
3,3,2025-02-03 00:00:00,1
4,5,2025-02-12 00:00:00,4
5,7,2025-02-21 00:00:00,6
""",
    "tickets": """ticket,customer,opened
1,a,2025-01-31 12:00:00
2,b,2025-01-20 00:00:00
3,a,2025-02-05 00:00:00
""",
    "matches": """match,home,away,played,goals
1,a,b,2025-02-02 00:00:00,3
2,b,a,2025-02-12 00:00:00,1
3,a,d,2025-02-13 00:00:00,0
""",
    "notes": "note,customer\n1,a\n",
    "loose": "id,at,value\n1,2025-02-02 00:00:00,1\n",
    "keyless": "word\nx\n",
    "pairs": "left,right,note\n1,1,x\n",
    "order": "id,kunde,wann,größe\n1,a,2025-02-03 00:00:00,1\n2,b,2025-02-13 00:00:00,5\n",
}
CUTOFFS = ("2025-02-01", "2025-02-11")
DATES = {"validate": parse_time("2025-02-11"), "test": parse_time("2027-02-11")}


def tiny(folder: Path) -> Database:
    """The database, read."""
    return opened(write_project(folder, TOML, **{f"data__{name}_csv": text for name, text in DATA.items()}))


def compiled(database: Database, sentence: str) -> Compiled:
    """The task file of a sentence."""
    return compile_sentence(sentence, database, "asked", **DATES)


def queries(database: Database, made: Compiled, folder: Path) -> tuple[str, str, int]:
    """Population and label queries and the horizon, read by the code that reads every task file."""
    path = folder / "asked.sql"
    path.write_text(made.text, encoding="utf-8")
    task = read_task_file(path, database.schema)
    assert task.population_sql is not None
    assert made.kind == ("autocomplete" if task.autocomplete else task.kind)
    assert f'metric   = "{task.metric}"' in made.text
    assert parse_duration(format_duration(task.horizon)) == task.horizon
    return task.population_sql, task.label_sql, task.horizon


def _pairs(table: pa.Table, width: int) -> list[tuple[object, object]]:
    """Cutoff and key of every row; a key of several columns is a tuple."""
    cutoffs, *keys = (table[i].to_pylist() for i in range(width))
    return list(zip(cutoffs, keys[0] if len(keys) == 1 else zip(*keys, strict=True), strict=True))


def answers(
    database: Database, sandbox: Sandbox, made: Compiled, folder: Path, cutoffs: tuple[str, ...] = CUTOFFS
) -> dict[str, list[object]]:
    """By entity, the label at each cutoff; `-` where the entity is not asked about or has no label."""
    population, label, horizon = queries(database, made, folder)
    times = [to_datetime(parse_time(cutoff)) for cutoff in cutoffs]
    grid = pa.table({"cutoff": pa.array(times, pa.timestamp("us"))})
    params = {"horizon": to_datetime(horizon) - to_datetime(0)}
    people, labels = (sandbox.select(sql, "the task", {"cutoffs": grid}, params) for sql in (population, label))
    assert labels.column_names == [*people.column_names, "label"]
    asked = set(_pairs(people, people.num_columns))
    assert len(asked) == len(people)
    found = dict(zip(_pairs(labels, people.num_columns), labels["label"].to_pylist(), strict=True))
    assert len(found) == len(labels)
    entities = sorted({key for _, key in asked & found.keys()}, key=str)
    return {str(key): [found[c, key] if (c, key) in asked & found.keys() else "-" for c in times] for key in entities}
