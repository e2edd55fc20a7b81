"""Rows encoded once give what rows encoded every time give."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rdl.gnn.fitted
from rdl.gnn import fit_gnn
from rdl.gnn.once import KeptRows, unique_rows
from rdl.task import Kind, Seeds
from rdl.timeline import DAY
from tests.gnn.shops import CUTOFF, SMALL, USERS, make_shops

ROWS = 12


def test__unique_rows__first_places_and_their_likes():
    first, inverse = unique_rows(torch.tensor([7, 3, 7, -1, 3]))
    assert first.tolist() == [3, 1, 0]
    assert inverse.tolist() == [2, 1, 2, 0, 1]


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(-1, ROWS - 1), max_size=9), max_size=9), st.integers(1, ROWS + 1))
def test__kept_rows__are_the_rows_asked_for_and_encoded_once_while_there_is_room(batches, most):
    kept, encoded = KeptRows(ROWS, 2, torch.device("cpu"), most), Counter()
    for batch in batches:
        ids = torch.tensor(batch, dtype=torch.int64)

        def encode(first, ids=ids):
            encoded.update(ids[first].tolist())
            return torch.stack([ids[first] * 10.0, ids[first] * 10.0 + 1], dim=1)

        found = kept.find(ids, encode)
        assert found.tolist() == [[10.0 * i, 10.0 * i + 1] for i in batch]
        assert kept.used <= max(most, *(len(set(b)) for b in batches))
    if most == ROWS + 1:
        assert set(encoded.values()) <= {1}


@cache
def fitted():
    world = make_shops()
    return fit_gnn(world.store, Kind.BINARY, "users", world.labels, None, replace(SMALL, epochs=2), 0)


@pytest.mark.parametrize("most", [7, 200, 100_000])
def test__scoring__is_that_of_batches_encoded_apart(monkeypatch, most):
    store = make_shops().store
    seeds = Seeds.at(np.tile(np.arange(USERS), 3), np.repeat(CUTOFF - np.arange(3) * 30 * DAY, USERS))
    monkeypatch.setattr(rdl.gnn.fitted, "KeptRows", lambda *given: KeptRows(*given, most))
    together = fitted().predict(store, seeds)
    size = SMALL.batch_size
    apart = [fitted().predict(store, seeds[i : i + size]) for i in range(0, len(seeds), size)]
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=0, atol=1e-6)
