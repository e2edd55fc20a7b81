import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.task import Labels, Seeds

pairs = st.lists(st.tuples(st.integers(0, 100), st.integers(-(2**50), 2**50)), max_size=20)


def seeds_of(made):
    entity, cutoff = (np.array([p[i] for p in made], dtype=np.int64) for i in (0, 1))
    return Seeds.at(entity, cutoff)


@given(pairs, st.integers(0, 2**40), st.integers(-(2**50), 2**50))
def test__as_of__is_never_after_the_cutoff(made, staleness, snapshot):
    seeds = seeds_of(made)
    stale, frozen = seeds.stale(staleness), seeds.frozen(snapshot)
    assert np.array_equal(seeds.as_of, seeds.cutoff)
    assert np.array_equal(stale.as_of, seeds.cutoff - staleness)
    assert (frozen.as_of <= np.minimum(snapshot, seeds.cutoff)).all()
    assert all(np.array_equal(s.cutoff, seeds.cutoff) and np.array_equal(s.entity, seeds.entity) for s in (stale, frozen))


def test__as_of_after_the_cutoff__cannot_be_made():
    with pytest.raises(AssertionError, match="after the cutoff"):
        Seeds(np.array([1]), np.array([5]), np.array([6]))
    with pytest.raises(AssertionError, match="after the cutoff"):
        Seeds.at(np.array([1]), np.array([5])).stale(-1)


def test__arrays_of_different_lengths__cannot_be_made():
    with pytest.raises(AssertionError):
        Seeds.at(np.array([1, 2]), np.array([5]))
    with pytest.raises(AssertionError):
        Labels(Seeds.at(np.array([1]), np.array([5])), np.array([1.0, 2.0]))


@given(pairs, st.integers(0, 20))
def test__concat__of_the_parts_is_the_whole(made, cut):
    seeds = seeds_of(made)
    labels = Labels(seeds, np.arange(len(seeds), dtype=np.float64))
    whole = Labels.concat([labels[:cut], labels[cut:]])
    assert np.array_equal(whole.target, labels.target)
    assert np.array_equal(whole.seeds.cutoff, seeds.cutoff)
    assert len(whole) == len(seeds)


def test__seeds_carry_no_target():
    assert set(Seeds.__dataclass_fields__) == {"entity", "cutoff", "as_of"}
