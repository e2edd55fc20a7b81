"""What an online request may ask, and what it is told when it may not."""

import dataclasses
import json
import math
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import TimeError
from rdl.mlops.answer import online_keys
from rdl.mlops.requests import Question, check_as_of, newest
from rdl.mlops.scorer import Scorer
from rdl.model import inputs
from rdl.task import Seeds, find_entities
from rdl.task.asked import RequestError
from rdl.timeline import DAY, format_time, parse_time


@pytest.fixture(scope="module")
def ask(database, task, model):
    scorer = Scorer.on(database, model)
    return lambda **columns: scorer.answer(Question(columns))


def test__answer__with_and_without_as_of__keeps_the_order_of_the_request(ask, database):
    found = ask(customer_id=[120, 105, 120], as_of=["2025-10-01", None, "2025-11-01T06:30:00"])
    assert found.frame()["customer_id"].tolist() == [120, 105, 120]
    assert found.cutoff.tolist() == [parse_time("2025-10-01"), newest(database), parse_time("2025-11-01T06:30:00")]
    assert found.frame()["cutoff"].tolist()[2] == "2025-11-01T06:30:00"
    assert np.isfinite(found.prediction).all()


def test__answer__as_of_missing_or_blank__means_the_newest(ask, database):
    assert set(ask(customer_id=[105] * 3, as_of=[None, math.nan, ""]).cutoff.tolist()) == {newest(database)}


def test__answer__one_row__equals_the_same_row_among_many(ask, database, task, model):
    keys = list(range(100, 130))
    together = ask(customer_id=keys, as_of=["2025-11-20"] * 30).prediction
    alone = ask(customer_id=[117], as_of=["2025-11-20"]).prediction
    assert alone[0] == together[17]
    entity = find_entities(database, task, pa.table({"k": pa.array(keys)}))
    cutoff = np.full(30, parse_time("2025-11-20"))
    assert (model.predict(database, Seeds.at(entity, cutoff)).prediction == together).all()


def test__source__same_moment_again__asks_for_past_labels_once(database, model, monkeypatch):
    asked = []
    monkeypatch.setattr(inputs, "past_labels", lambda *_: asked.append(1) or inputs._NO_HISTORY)
    source = dataclasses.replace(model.source(database), keep=False)
    for day in (1, 2, 1, 2, 1):
        _ = source.prepare(Seeds.at(np.arange(3), np.full(3, parse_time(f"2025-11-0{day}")))).parts[0][1].history
    assert len(asked) == 2
    for day in range(1, 9):
        source.prepare(Seeds.at(np.arange(3), np.full(3, parse_time(f"2025-11-0{day}"))))
    assert len(source._pasts) == inputs.MOMENTS


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"customer": [105]}, "did you mean 'customer_id'"),
        ({"as_of": ["2025-10-01"]}, "lacks the column 'customer_id'"),
        ({"customer_id": [105], "asof": ["2025-10-01"]}, "did you mean 'as_of'"),
        ({"customer_id": [105, 99]}, "unknown customer_id 99"),
        ({"customer_id": ["x"]}, "unknown customer_id 'x'"),
        ({"customer_id": [105, None]}, "1 rows have no customer_id"),
        ({"customer_id": [105, "x"]}, "several types"),
        ({"customer_id": []}, "no rows"),
        ({"customer_id": [159], "as_of": ["2025-02-01"]}, "not known yet"),
    ],
)
def test__answer__bad_row_or_column__names_it(ask, columns, message):
    with pytest.raises(RequestError, match=message):
        ask(**columns)


@pytest.mark.parametrize(
    ("as_of", "message"),
    [("soon", "not a time: 'soon'"), ("2026-06-01", "future"), ("1999-01-01", "before the data begins"), (20251001, "not text")],
)
def test__answer__bad_as_of__names_the_value(ask, as_of, message):
    with pytest.raises(TimeError, match=message):
        ask(customer_id=[105], as_of=[as_of])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (pa.array([1, 2], pa.int16()), [1, 2]),
        (pa.array([2**63], pa.uint64()), ["9223372036854775808"]),
        (pa.array([date(2025, 1, 2)]), ["2025-01-02"]),
        (pa.array([[Decimal("1.50")], []]), [["1.50"], []]),
        (pa.array([[{"d": date(2025, 1, 2), "n": 3}]])[:1], [[{"d": "2025-01-02", "n": 3}]]),
        (pa.array([["x"], ["a", "b"], []])[1:], [["a", "b"], []]),
        (pa.array([[7], [8, 9]])[1:], [[8, 9]]),
    ],
)
def test__online_keys__any_type__is_as_json_carries_it(keys, expected):
    told = online_keys(keys).to_pylist()
    assert told == expected
    assert json.loads(json.dumps(told)) == expected


@given(days=st.integers(-1000, 1000))
def test__check_as_of__accepts_from_the_first_event_to_one_horizon_after_the_last(database, task, days):
    first, last = database.span
    as_of = last + days * DAY
    if first < as_of <= last + 30 * DAY:
        assert check_as_of(database, task, as_of) == as_of
    else:
        with pytest.raises(TimeError, match=format_time(as_of)):
            check_as_of(database, task, as_of)
