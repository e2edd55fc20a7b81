"""Features in words: what a reader sees of rel-f1's and a shop's plan."""

from pathlib import Path

import pytest

from rdl.database import open_database
from rdl.database.demo import write_demo
from rdl.features import PlanSettings, plan_features, survey_database
from rdl.features.chain import Hop
from rdl.features.proposing.words import many, one, role, span, spoken
from rdl.project import open_project
from rdl.timeline import DAY, parse_time

DRIVERS = {
    "results.driverId.count.360d": "number of the driver's results in the last 360 days",
    "results.driverId.positionOrder.mean.90d": "mean position order of the driver's results in the last 90 days",
    "results.driverId.statusId=1.mean.all": "share of the driver's results with status id = 1 over all time",
    "results.driverId.position_known.streak": "last one with a known position in a row among the driver's results",
    "results.driverId.points.last0": "points of the driver's last result",
    "results.driverId.grid.mean.last8": "mean grid of the last 8 of the driver's results",
    "drivers.@nationality": "nationality of the driver",
    "drivers.@dob": "days from dob of the driver to the cutoff",
    "history.value.mean.all": "mean of the driver's past labels over all time",
    "peers nationality.value.mean.all": "mean of past labels of drivers with the same nationality over all time",
    "all results.points.mean.90d": "mean points of all results in the last 90 days",
    "results.constructorId>results.constructorId.points.mean.90d": (
        "mean points of the results of the constructor of the driver's last result in the last 90 days"
    ),
}
SHOP = {
    "orders.customer_id.amount.mean.90d": "mean amount of the customer's orders in the last 90 days",
    "order_lines.order_id.customer_id.returned=true.mean.all": (
        "share of the order lines of the customer's orders with returned = true over all time"
    ),
    "visits.customer_id.age_last": "days from the last of the customer's visits to the cutoff",
    "visits.customer_id.@product_id.supplier_id.country": "country of the supplier of the product of the customer's last visit",
    "order_lines.product_id>order_lines.product_id.rating.mean.90d": (
        "mean rating of the order lines of the products of the recent order lines of the customer's orders in the last 90 days"
    ),
    "orders.customer_id.amount|express=true.mean.all": "mean amount of the customer's orders with express = true over all time",
    "support_tickets.customer_id.message~help.mean.all": (
        "share of the customer's support tickets whose message has the word 'help' over all time"
    ),
    "alike visits.customer_id@product_id.value.mean.all": (
        "mean of past labels of customers when the product of the last visit was the same over all time"
    ),
    "season orders.count.30d": "number of all orders in the same season of the latest past year",
}


def sentences(database, entity, as_of):
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, entity, parse_time(as_of))
    plan = plan_features(database.schema, entity, PlanSettings(30 * DAY), survey)
    return {f.name: f.provenance for f in plan.features}


def test__provenance__rel_f1__reads_well(rel_f1):
    found = sentences(rel_f1, "drivers", "2005-01-01")
    assert {name: found.get(name) for name in DRIVERS} == DRIVERS


@pytest.mark.slow
def test__provenance__shop__reads_well(tmp_path: Path):
    write_demo(tmp_path / "shop", 3000)
    found = sentences(open_database(open_project(tmp_path / "shop")), "customers", "2025-12-22")
    assert {name: found.get(name) for name in SHOP} == SHOP


@pytest.mark.parametrize(
    ("table", "row", "rows"),
    [
        ("customers", "customer", "customers"),
        ("categories", "category", "categories"),
        ("order_lines", "order line", "order lines"),
        ("addresses", "address", "addresses"),
        ("boxes", "box", "boxes"),
        ("qualifying", "qualifying", "qualifying rows"),
        ("status", "status", "status rows"),
    ],
)
def test__table__in_the_singular_and_the_plural(table, row, rows):
    assert (one(table), many(table)) == (row, rows)


def test__column__in_words():
    assert [spoken(name) for name in ("positionOrder", "order_value", "URL")] == ["position order", "order value", "url"]
    assert [role(Hop(name, "users")) for name in ("sender_id", "userId", "id", "a,b")] == ["sender", "user", "user", "user"]


def test__window__in_words():
    assert [span(w) for w in (0, DAY, 90 * DAY, DAY // 4)] == [
        "over all time",
        "in the last day",
        "in the last 90 days",
        "in the last 6 hours",
    ]
