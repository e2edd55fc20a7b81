"""The counting sort, against sorting row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import GraphError
from rdl.graph.csc import Csc, build_csc, check_csc
from rdl.timeline import ALWAYS, NEVER

TIMES = st.sampled_from([ALWAYS, -3, 0, 1, 2, NEVER])


@given(st.integers(0, 5), st.data())
def test__csc__rows_in_any_order__equals_slow_sorting(parents, data):
    rows = data.draw(st.lists(st.tuples(st.integers(-1, parents - 1), TIMES), max_size=30))
    parent, time = np.array([p for p, _ in rows], np.int32), np.array([t for _, t in rows], np.int64)
    csc = build_csc(parent, parents, time)
    check_csc(csc, time)
    for p in range(parents):
        expected = sorted((t, row) for row, (key, t) in enumerate(rows) if key == p)
        assert csc.rows[csc.offsets[p] : csc.offsets[p + 1]].tolist() == [row for _, row in expected]
    assert csc.offsets[0] == 0
    assert len(csc.rows) == csc.offsets[-1] == int((parent >= 0).sum())


@pytest.mark.parametrize("wrong", [-2, 3])
def test__csc__a_parent_outside_its_table__is_refused(wrong):
    with pytest.raises(GraphError, match=f"row {wrong}"):
        build_csc(np.array([0, wrong], np.int32), 3, np.zeros(2, np.int64))


def test__csc__lengths_differ__is_refused():
    with pytest.raises(GraphError, match="2 rows but its table 3"):
        build_csc(np.zeros(2, np.int32), 1, np.zeros(3, np.int64))


@given(st.integers(0, 998))
def test__check__one_pair_of_a_thousand_swapped__is_refused(place):
    time = np.repeat(np.arange(250), 4)  # ties in time: the row id decides
    csc = build_csc(np.zeros(1000, np.int32), 1, time)
    csc.rows[[place, place + 1]] = csc.rows[[place + 1, place]]
    with pytest.raises(GraphError, match=f"position {place + 1} stands behind"):
        check_csc(csc, time)


def test__check__unordered_times__are_compared_as_times():
    time = np.array([5, 1, 3])
    check_csc(Csc(np.array([0, 3], np.int32), np.array([1, 2, 0], np.int32)), time)
    with pytest.raises(GraphError, match="leak"):
        check_csc(Csc(np.array([0, 3], np.int32), np.array([0, 1, 2], np.int32)), time)


@pytest.mark.parametrize("offsets", [[0, 2, 1, 3], [1, 1, 2, 3], [0, 1, 2, 2], []])
def test__check__unsound_offsets__are_refused(offsets):
    with pytest.raises(GraphError, match="offsets"):
        check_csc(Csc(np.array(offsets, np.int32), np.arange(3, dtype=np.int32)), np.arange(3))


@pytest.mark.parametrize("row", [-1, 3])
def test__check__an_edge_outside_the_table__is_refused(row):
    with pytest.raises(GraphError, match="leaves the table"):
        check_csc(Csc(np.array([0, 1], np.int32), np.array([row], np.int32)), np.arange(3))
