"""Past labels against the obvious loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rdl.gnn.past import RECENT, PastLabels, width
from rdl.task import History, Seeds
from rdl.timeline import DAY

LAST = 3


def slowly(history, entity, cutoff, as_of):
    rows = sorted(
        (t, c, v)
        for e, c, t, v in zip(history.entity, history.cutoff, history.time, history.value, strict=True)
        if e == entity and t < as_of
    )
    values = [(v - 2.0) / 4.0 for _, _, v in rows]
    if not values:
        return [0.0] * width(LAST)
    age = np.log1p((cutoff - rows[-1][1]) / DAY) / 5
    out = [np.mean(values), np.mean(values[-RECENT:]), np.log1p(len(values)) / 3, age]
    for lag in range(1, LAST + 1):
        out += [values[-lag], 1.0] if lag <= len(values) else [0.0, 0.0]
    return out


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40, unique=True),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=10),
)
def test__past_labels__are_those_of_the_obvious_loop(rows, asked):
    entity, day = (np.array([r[i] for r in rows], np.int64) for i in (0, 1))
    history = History(entity, day * DAY, (day + 2) * DAY, np.arange(len(rows), dtype=np.float64))
    who, when, stale = np.array(asked, np.int64).T
    seeds = Seeds(who, when * DAY, (when - stale) * DAY)
    found = PastLabels(history, LAST, 2.0, 4.0).features(seeds)
    expected = [slowly(history, e, c, a) for e, c, a in zip(seeds.entity, seeds.cutoff, seeds.as_of, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
