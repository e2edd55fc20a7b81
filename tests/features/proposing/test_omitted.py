"""What a plan leaves out is named: columns that say nothing, and what is beyond the budget."""

import json
import logging
from dataclasses import replace

import pytest

from rdl.database import Column, Reference, Schema, Semantic, Table
from rdl.features import FeaturePlan, PlanSettings, plan_features, survey_database
from rdl.features.proposing.omitted import columns_read
from rdl.features.proposing.survey import ColumnSurvey, ReferenceSurvey, Survey
from rdl.timeline import DAY, NEVER
from tests.features import worlds

SETTINGS = PlanSettings(5 * DAY, recent=12, counts=(2, 4, 9))


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory):
    """A world's schema with columns that say nothing, and its survey."""
    world = worlds.make(4)
    for i, row in enumerate(world.rows["orders"]):
        row["amount"] = None
        row["status"] = "same"
        world.rows["orders"][i] = row
    schema = world.schema
    users = schema["users"]
    hidden = replace(users, hide=("tier",))
    known = replace(users, columns=(*users.columns, Column("mail", Semantic.IDENTIFIER, "VARCHAR")))
    lonely = replace(schema["lines"], name="lonely", references=())
    with world.engine(tmp_path_factory.mktemp("world")) as engine:
        survey = survey_database(engine, schema, "users", NEVER)
    tables = {**schema.tables, "users": replace(known, hide=hidden.hide), "lonely": lonely}
    survey = replace(survey, rows={**survey.rows, "lonely": 3})
    return Schema(tables), survey


def test__omitted__columns_that_say_nothing__are_named_with_the_reason(surveyed):
    schema, survey = surveyed
    plan = plan_features(schema, "users", SETTINGS, survey)
    why = {o.what: o.why for o in plan.omitted}
    assert "hidden" in why["users.tier"]
    assert "identifier" in why["users.mail"]
    assert "no visible value" in why["orders.amount"]
    assert "the same" in why["orders.status"]
    assert "at most 2 references" in why["lonely.note"]
    assert not any("no family" in reason for reason in why.values())
    read = set(columns_read(plan.blocks, plan.features))
    for table in schema.tables.values():
        for column in table.features:
            assert ((table.name, column.name) in read) != (f"{table.name}.{column.name}" in why), (table.name, column.name)


def test__budget__many_features__far_groups_go_whole_and_are_named(surveyed, caplog):
    schema, survey = surveyed
    whole = plan_features(schema, "users", SETTINGS, survey)
    with caplog.at_level(logging.INFO, logger="rdl.features.proposing.budget"):
        small = plan_features(schema, "users", replace(SETTINGS, budget=150), survey)
    assert len(whole.features) > 300
    assert 100 < len(small.features) <= 150
    gone = [o for o in small.omitted if o.features]
    assert sum(o.features for o in gone) == len(whole.features) - len(small.features)
    assert all("150 are the budget" in o.why for o in gone)
    assert gone[0].what in caplog.text
    far = {f.block for f in small.features if ".order_id." in f.block}
    assert not far
    names = {f.name for f in small.features}
    assert {"history.value.mean.all", "calendar.year"} <= names
    groups = {(f.family, f.block) for f in small.features if not f.operands}
    for family, block in groups:
        expected = {f.name for f in whole.features if (f.family, f.block) == (family, block) and not f.operands}
        assert expected <= names
    least = plan_features(schema, "users", replace(SETTINGS, budget=60), survey)
    assert "lines.note" in {o.what for o in least.omitted if o.why == "it would exceed the budget of features"}


def test__omitted__json__comes_back_and_may_be_missing(surveyed):
    schema, survey = surveyed
    plan = plan_features(schema, "users", SETTINGS, survey)
    assert plan.omitted
    raw = json.loads(json.dumps(plan.to_json()))
    assert FeaturePlan.from_json(raw) == plan
    del raw["omitted"]
    assert FeaturePlan.from_json(raw).features == plan.features


def test__budget__very_wide_table__every_column_is_still_read():
    """A table of 400 numbers gets their main features, and the plan stays within its budget."""
    names = [f"n{i}" for i in range(400)]
    orders = Table("orders", ("id",), "at", 0, (Reference("user_id", "users"),), _columns(names, "user_id"), 900)
    schema = Schema({"users": Table("users", ("id",), None, 0, (), _columns([]), 50), "orders": orders})
    columns = {("orders", name): ColumnSurvey(1.0, 9.0, 90) for name in names}
    references = {("orders", "user_id"): ReferenceSurvey(90.0 * DAY, 18.0)}
    survey = Survey(NEVER, {"users": 50, "orders": 900}, columns, references, {}, {}, {})
    plan = plan_features(schema, "users", SETTINGS, survey)
    assert 800 < len(plan.features) <= SETTINGS.budget
    assert {("orders", name) for name in names} <= set(columns_read(plan.blocks, plan.features))


def _columns(names, *references):
    numbers = tuple(Column(name, Semantic.NUMERIC, "DOUBLE") for name in names)
    return (*(Column(name, Semantic.IDENTIFIER, "BIGINT") for name in ("id", *references)), *numbers)
