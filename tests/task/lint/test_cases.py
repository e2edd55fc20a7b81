"""A corpus of queries with the findings that they deserve, clean ones among them."""

import re
from itertools import count
from pathlib import Path

import pytest

from rdl.database import Database
from rdl.task import Kind, Task
from rdl.task.lint import lint, lint_text
from rdl.timeline import DAY, parse_time
from tests.task.lint.shop import lint_shop

POP = "-- population\nSELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff"
WINDOW = "o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon"
LABEL = f"-- label\nSELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c JOIN orders o ON {WINDOW} GROUP BY ALL"
MARK = re.compile(r"^-- (population|label)$", re.MULTILINE)


def cases():
    text = (Path(__file__).parent / "cases.sql").read_text(encoding="utf-8")
    ran = count()
    for block in re.split(r"^-- case: ", text, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("\n")
        lines = re.findall(r"^-- (text|run):(.*)$", rest, re.MULTILINE)
        expected = {key: [part.strip() for part in line.split(",") if part.strip()] for key, line in lines}
        slow = [pytest.mark.slow] if len(expected) > 1 and next(ran) % 2 else []  # those that run take a process each
        yield pytest.param(
            expected, re.sub(r"^-- (text|run):.*\n", "", rest, flags=re.MULTILINE), id=name.replace(" ", "-"), marks=slow
        )


def task_of(body: str) -> Task:
    """The task of a case; its lines are those of its queries."""
    closed = "{closed}" in body
    filled = body.replace("{pop}", POP).replace("{label}", LABEL).replace("{closed}\n", "").replace("{window}", WINDOW)
    pieces = MARK.split(filled)
    queries = dict(zip(pieces[1::2], (piece.strip() for piece in pieces[2::2]), strict=True))
    entity = "products" if "product_id" in queries["label"].split("\n")[0].split("AS label")[0] else "customers"
    return Task(
        "case",
        Kind.REGRESSION,
        entity,
        (entity.removesuffix("s") + "_id",),
        10 * DAY,
        5 * DAY,
        parse_time("2025-03-01"),
        parse_time("2025-04-01"),
        "mae",
        queries["label"],
        queries.get("population"),
        Path("case.sql"),
        closed=closed,
    )


def told(findings):
    return sorted(f"{f.rule.value} {f.query} {f.line}" for f in findings)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Database:
    return lint_shop(tmp_path_factory.mktemp("lint") / "shop")


@pytest.mark.parametrize(("expected", "body"), list(cases()))
def test__case__has_exactly_its_findings(shop, expected, body):
    task = task_of(body)
    assert told(lint_text(shop, task)) == sorted(expected["text"])
    if "run" in expected:
        assert told(lint(shop, task)) == sorted([*expected["text"], *expected["run"]])


def test__corpus__has_forty_cases_and_clean_ones():
    found = [case.values[0] for case in cases()]
    assert len(found) >= 40
    assert sum(not any(expected.values()) for expected in found) >= 15
