"""Random small databases and random sentences: the compiled labels are those that slow Python counts."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.timeline import DAY, format_time, parse_time
from tests.projects import opened, write_project
from tests.task.predict.tiny import answers, compiled

START = parse_time("2025-01-01")
HALF = DAY // 2
CUTOFFS = tuple(format_time(START + d * DAY) for d in (3, 6))
SMALL = """
[database]
source = "data"
infer = false
[tables.customers]
key = "id"
time = "born"
[tables.orders]
key = "order_id"
time = "at"
references = { customer = "customers" }
types = { amount = "numeric" }
"""

orders = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "d", None]),
        st.one_of(st.none(), st.integers(0, 20)),  # half days
        st.one_of(st.none(), st.integers(-3, 9)),
    ),
    min_size=1,
    max_size=12,
)
windows = st.tuples(st.integers(-5, 3), st.integers(1, 5)).filter(lambda w: w[0] < w[1])
functions = st.sampled_from(["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "FIRST", "LAST", "LIST_DISTINCT", "EXISTS"])
asked = st.tuples(functions, windows, st.sampled_from([None, 0, 4]), st.sampled_from([None, 1, 4]))


def text(value: object) -> str:
    return "\\N" if value is None else str(value)


def write(folder: Path, rows):
    body = [
        f"{i},{text(c)},{text(None if t is None else format_time(START + t * HALF))},{text(v)}" for i, (c, t, v) in enumerate(rows)
    ]
    return opened(
        write_project(
            folder,
            SMALL,
            data__customers_csv="id,born\na,2024-01-01\nb,2024-01-01\nd,2024-01-01\n",
            data__orders_csv="\n".join(["order_id,customer,at,amount", "-1,a,2024-06-01,1", *body]) + "\n",
        )
    )


def slow(function: str, rows, entity: str, cutoff: int, window, above):
    """The aggregate of `amount`, row by row; None where there is nothing to say."""
    low, high = (cutoff + d * DAY for d in window)
    inside = [
        (START + t * HALF, i, v)
        for i, (c, t, v) in enumerate(rows)
        if c == entity and t is not None and low <= START + t * HALF < high and v is not None and (above is None or v > above)
    ]
    values = [v for *_, v in sorted(inside)]
    match function:
        case "COUNT":
            return len(values)
        case "COUNT_DISTINCT":
            return len(set(values))
        case "SUM":
            return sum(values)
        case "LIST_DISTINCT":
            return sorted(set(values))
        case "EXISTS":
            return bool(values)
    if not values:
        return None
    made = {"AVG": sum(values) / len(values), "MIN": min(values), "MAX": max(values), "FIRST": values[0], "LAST": values[-1]}
    return made[function]


def check(database, sandbox, folder, rows, questions):
    for function, window, above, bought in questions:
        inner = "" if above is None else f" WHERE orders.amount > {above}"
        past = "" if bought is None else f" WHERE COUNT(orders.amount, -{bought}, 0, days) > 0"
        sentence = f"PREDICT {function}(orders.amount{inner}, {window[0]}, {window[1]}, days) FOR customers.id{past}"
        found = answers(database, sandbox, compiled(database, sentence), folder, CUTOFFS)
        for entity in "abd":
            expected = []
            for cutoff in map(parse_time, CUTOFFS):
                there = bought is None or slow("COUNT", rows, entity, cutoff, (-bought, 0), None)
                value = slow(function, rows, entity, cutoff, window, above) if there else None
                expected.append("-" if value is None else value)
            assert found.get(entity, ["-", "-"]) == expected, sentence


@pytest.mark.slow
@given(orders, st.lists(asked, min_size=3, max_size=3))
@settings(max_examples=12)
def test__compiled_labels__are_what_slow_python_counts(rows, questions):
    with tempfile.TemporaryDirectory() as scratch:
        database = write(Path(scratch) / "p", rows)
        with database.sandbox() as sandbox:
            check(database, sandbox, Path(scratch), rows, questions)
