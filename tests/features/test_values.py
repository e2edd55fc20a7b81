"""Values that JSON, float32 or a sum cannot hold: nothing ends a run, and what is not read is named."""

import json

import numpy as np
import pytest

from rdl.database import open_database
from rdl.database.engine import connect, literal
from rdl.features import FeaturePlan, PlanSettings, compute_features, plan_features, survey_database
from rdl.project import open_project
from rdl.task import History, Seeds
from rdl.timeline import DAY, parse_time

SETTINGS = """\
[database]
source = "data/"
[tables.users]
key = "user_id"
time = false
types = { odd = "numeric", code = "numeric", vector = "embedding" }
[tables.events]
key = "event_id"
time = "at"
references = { user_id = "users" }
[tables.events.types]
took = "numeric"
tags = "multi_categorical"
said = "timestamp"
until = "date"
vector = "embedding"
shape = "numeric"
"""
USERS = """
SELECT i AS user_id,
    CASE i % 4 WHEN 0 THEN 'inf'::DOUBLE WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN 1e300 ELSE -4.5 END AS odd,
    CASE WHEN i % 3 = 0 THEN 'n/a' ELSE CAST(i AS VARCHAR) END AS code,
    170141183460469231731687303715884105000::HUGEINT - i AS huge,
    5e-324::DOUBLE * (i % 7) AS tiny,
    [i * 1.5, 'inf'::DOUBLE, i % 3] AS vector,
    CAST('a' || chr(10) || '"' || i % 3 AS VARCHAR) AS quoted,
    {'a': i} AS nested
FROM range(12) t(i)
"""
EVENTS = """
SELECT i AS event_id, i % 12 AS user_id, TIMESTAMP '2025-01-01' + INTERVAL 1 DAY * (i % 60) AS at,
    INTERVAL 1 MINUTE * i AS took,
    CAST(i AS DECIMAL(38, 9)) * 1000000000000 AS price,
    i % 2 = 0 AS paid,
    ['red', 'blue', 'c' || i % 5][1:1 + i % 3] AS tags,
    CASE i % 3 WHEN 0 THEN TIMESTAMP 'infinity' WHEN 1 THEN TIMESTAMP '2025-01-01' + INTERVAL 1 DAY * (i % 90) END AS said,
    DATE '2025-06-01' + CAST(i % 50 AS INTEGER) AS until,
    [i * 1.0, i * 2.0, NULL, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]::FLOAT[10] AS vector,
    CASE WHEN i % 5 = 0 THEN -0.0 ELSE 3.0e38 * (i % 10) END AS large,
    {'x': i} AS shape,
    'b'::BLOB AS raw,
    TIME '12:00' AS clock
FROM range(240) t(i)
"""


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """The plan of the wild tables, the features of all users at three moments, and these moments."""
    folder = tmp_path_factory.mktemp("wild") / "p"
    (folder / "data").mkdir(parents=True)
    (folder / "rdl.toml").write_text(SETTINGS)
    with connect() as connection:
        for name, sql in (("users", USERS), ("events", EVENTS)):
            connection.execute(f"COPY ({sql}) TO {literal(str(folder / 'data' / f'{name}.parquet'))}").fetchall()
    database = open_database(open_project(folder))
    as_of = np.repeat([parse_time(f"2025-0{m}-01") for m in (1, 2, 3)], 12)
    seeds = Seeds(np.tile(np.arange(12), 3), as_of, as_of)
    known = parse_time("2025-01-20")
    history = History(np.arange(12), np.full(12, known - 10 * DAY), np.full(12, known), np.linspace(-1e300, 1e300, 12))
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, "users", parse_time("2025-03-01"))
        plan = plan_features(database.schema, "users", PlanSettings(10 * DAY, label_magnitude=1e300), survey)
        matrices = [compute_features(plan, engine, seeds, history, by_sql=sql) for sql in (False, True)]
    return plan, seeds, *matrices


def test__values__of_every_type__no_infinity_and_plain_json(wild):
    plan, _, matrix, _ = wild
    assert not np.isinf(matrix.values).any()
    again = FeaturePlan.from_json(json.loads(json.dumps(plan.to_json(), allow_nan=False)))
    assert again == plan


def test__values__of_every_type__kernels_agree_with_sql(wild):
    _, _, matrix, by_sql = wild
    assert matrix.names == by_sql.names
    np.testing.assert_allclose(matrix.values, by_sql.values, rtol=1e-6, equal_nan=True)


def test__values__every_column__is_read_or_named_with_the_reason(wild):
    plan, _, matrix, _ = wild
    why = {o.what: o.why for o in plan.omitted}
    assert "holds neither numbers nor categories (STRUCT" in why["users.nested"]
    assert "(BLOB)" in why["events.raw"]
    assert "(TIME)" in why["events.clock"]
    assert "no visible value that can be read as numeric" in why["events.took"]
    assert "no visible value that can be read as numeric" in why["events.shape"]
    known = dict(zip(matrix.names, (~np.isnan(matrix.values)).sum(axis=0), strict=True))
    read = ("users.@odd", "users.@code", "users.@tiny", "users.@vector.part0", "events.user_id.price.mean.all")
    read += ("events.user_id.paid=true.mean.all", "events.user_id.@said", "events.user_id.@until", "events.user_id.@vector.part1")
    read += ("events.user_id.tags_length.mean.all", "events.user_id.large.mean.all")
    assert {name: known.get(name, 0) > 0 for name in read} == dict.fromkeys(read, True)
    assert not any("no family" in reason for reason in why.values())


def test__timestamps__later_than_the_cutoff__are_told_of_plans_and_not_of_events(wild):
    _, seeds, matrix, _ = wild
    said, until = (matrix.values[:, matrix.names.index(f"events.user_id.@{c}")] for c in ("said", "until"))
    assert not (said < 0).any()
    assert (until[seeds.as_of == parse_time("2025-02-01")] < 0).all()
