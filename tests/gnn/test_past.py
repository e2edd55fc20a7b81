"""Past labels against the obvious loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.gnn.past import RECENT, PastLabels, width
from rdl.task import History, Seeds
from rdl.timeline import DAY

LAST = 3
NUMBER, CLASSES = ((2.0,), (4.0,)), ((0.5, 0.25, 0.0), (1.0, 1.0, 1.0))


def slowly(history, mean, spread, seed):
    entity, cutoff, as_of = seed
    rows = sorted(
        (t, c, tuple(np.ravel(v)))
        for e, c, t, v in zip(history.entity, history.cutoff, history.time, history.value, strict=True)
        if e == entity and t < as_of
    )
    values = [[(x - m) / s for x, m, s in zip(v, mean, spread, strict=True)] for _, _, v in rows]
    if not values:
        return [0.0] * width(LAST, len(mean))
    age = np.log1p((cutoff - rows[-1][1]) / DAY) / 5
    out = [*np.mean(values, axis=0), *np.mean(values[-RECENT:], axis=0), np.log1p(len(values)) / 3, age]
    for lag in range(1, LAST + 1):
        out += [*values[-lag], 1.0] if lag <= len(values) else [0.0] * (len(mean) + 1)
    return out


@pytest.mark.parametrize("known", [NUMBER, CLASSES], ids=["number", "classes"])
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=40, unique=True),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40), st.integers(0, 9)), min_size=1, max_size=10),
)
def test__past_labels__are_those_of_the_obvious_loop(known, rows, asked):
    entity, day = (np.array([r[i] for r in rows], np.int64) for i in (0, 1))
    value = np.arange(len(rows), dtype=np.float64)
    if known is CLASSES:
        value = np.stack([value % 2, value % 3 == 0, value % 5 > 1], axis=1).astype(np.float64)
    history = History(entity, day * DAY, (day + 2) * DAY, value)
    who, when, stale = np.array(asked, np.int64).T
    seeds = Seeds(who, when * DAY, (when - stale) * DAY)
    found = PastLabels(history, LAST, *known).features(seeds)
    triples = zip(seeds.entity, seeds.cutoff, seeds.as_of, strict=True)
    np.testing.assert_allclose(found, [slowly(history, *known, seed) for seed in triples], atol=1e-5)
