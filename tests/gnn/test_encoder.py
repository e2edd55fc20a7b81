"""The encoder: nulls, infinities, hidden roots, and the same row encoded once."""

from functools import partial

import numpy as np
import pytest
import torch

from rdl.gnn import GnnSettings
from rdl.gnn.batches import stream, with_times
from rdl.gnn.encoder import GraphEncoder, calendar
from rdl.gnn.model import make_encoder
from rdl.gnn.numeric import NumericEncoding, piecewise
from rdl.gnn.statistics import TableStatistics, fit_statistics
from rdl.graph import GraphStore, NodeTable, Sampler
from rdl.graph.batch import to_hetero_data
from rdl.task import Seeds
from rdl.timeline import ALWAYS, DAY, NEVER


@pytest.fixture
def store():
    values = [1.0, np.nan, 3.0, np.inf, 1e30, 6.0]
    return GraphStore.from_arrays(
        {
            "people": NodeTable.of(
                np.arange(6) * DAY,
                {
                    "numeric": {"a": np.array(values, np.float64), "constant": np.ones(6), "empty": np.full(6, np.nan)},
                    "category": {"c": np.arange(6)},
                    "timestamp": {"t": np.array([NEVER, 0, DAY, -DAY, 9 * DAY, DAY])},
                    "text": {"x": np.arange(48).reshape(6, 8)},
                    "vector": {"v": [[1, 2, 3], [np.nan] * 3, [5, 6, 7], [np.nan, 1, 2], [3e38, 0, 0], [1, 1, 1]]},
                },
            ),
            "bare": NodeTable.of(np.full(6, ALWAYS)),
        },
        {("bare", "person", "people"): np.arange(6), ("people", "friend", "people"): np.array([-1, 0, 0, 1, 1, 2])},
    )


made = {
    kind: partial(make_encoder, settings=GnnSettings(channels=8, dropout=0.0, numeric=kind))
    for kind in ("piecewise", "periodic", "standard")
}
made["resnet"] = partial(make_encoder, settings=GnnSettings(channels=8, dropout=0.0, encoder="resnet", encoder_layers=2))


def encoder_of(store, seeds, kind="piecewise"):
    sampler = Sampler(store, "people", [4, 4])
    statistics = fit_statistics(store, "people", int(seeds.as_of.max()), stream(store, sampler, seeds, 4))
    torch.manual_seed(0)
    encoder = GraphEncoder(statistics, "people", 8, 64, made[kind])
    torch.nn.init.normal_(encoder.embedding.weight)
    return encoder, with_times(store, to_hetero_data(store, sampler.sample(seeds)))


@pytest.mark.parametrize("kind", made)
def test__nulls_infinities_and_bare_tables__give_finite_vectors(store, kind):
    encoder, batch = encoder_of(store, Seeds.at(np.arange(6), np.full(6, 6 * DAY)), kind)
    for name, vectors in encoder(batch).items():
        assert vectors.shape == (batch[name].num_nodes, 8)
        assert torch.isfinite(vectors).all()


def test__hidden_root__shows_none_of_its_columns(store):
    seeds = Seeds.at(np.array([4, 5, 4]), np.array([DAY, DAY, 6 * DAY]))
    encoder, batch = encoder_of(store, seeds)
    roots = encoder(batch)["people"][:3]
    assert torch.equal(roots[0], roots[1])
    assert torch.equal(roots[0], encoder.unknown_root)
    assert not torch.equal(roots[2], roots[0])


def test__statistics__read_visible_rows_only(store):
    early = fit_statistics(store, "people", 3 * DAY, [])["people"]
    np.testing.assert_allclose(early.numeric[0], [2.0, 1.0], rtol=0.01)
    assert early.numeric[1].tolist() == [1.0, 1.0]
    assert early.numeric[2].tolist() == [0.0, 1.0]
    assert (np.diff(early.knots, axis=1) > 0).all()
    np.testing.assert_allclose(early.vector, [[3, 2], [4, 2], [5, 2]], rtol=0.01)
    again = TableStatistics.from_json(early.to_json())
    assert all(np.array_equal(getattr(again, n), getattr(early, n)) for n in ("numeric", "knots", "moment", "age", "vector"))


def test__piecewise__fills_interval_by_interval():
    knots = torch.tensor([[0.0, 1.0, 3.0]])
    found = piecewise(torch.tensor([[-1.0], [0.5], [2.0], [9.0]]), knots)[:, 0]
    assert found.tolist() == [[0, 0], [0.5, 0], [1, 0.5], [1, 1]]


def test__calendar__null_is_zero_and_a_week_comes_round():
    waves = calendar(torch.tensor([float("nan"), 3.0, 10.0], dtype=torch.float64))
    assert waves[0].tolist() == [0] * 5
    torch.testing.assert_close(waves[1, [1, 3, 4]], waves[2, [1, 3, 4]])


@pytest.mark.parametrize("kind", ["piecewise", "resnet"])
def test__given_embeddings__make_a_difference(store, kind):
    encoder, batch = encoder_of(store, Seeds.at(np.arange(6), np.full(6, 6 * DAY)), kind)
    before = encoder(batch)["people"]
    batch["people"].x_vec[batch["people"].n_id == 2] += 1
    changed = (encoder(batch)["people"] != before).any(dim=1)
    assert torch.equal(changed, batch["people"].n_id == 2)


def test__periodic__is_smooth_learned_and_zero_where_null():
    torch.manual_seed(0)
    encoding = NumericEncoding("periodic", torch.zeros(2, 9))
    found = encoding(torch.tensor([[0.5, 1.0]]), torch.tensor([[True, False]]))
    assert found.shape == (1, 2, 8)
    torch.testing.assert_close(found[0, 0, :4] ** 2 + found[0, 0, 4:] ** 2, torch.ones(4))
    assert not found[0, 1].any()
    found.sum().backward()
    assert encoding.frequency.grad[0].abs().min() > 0


def test__resnet__folded_and_by_the_book__are_one_function_with_one_gradient(store):
    encoder, batch = encoder_of(store, Seeds.at(np.arange(6), np.full(6, 6 * DAY)), "resnet")
    found = {}
    for fold in (True, False):
        for table in encoder.tables.values():
            table.fold = fold
        encoder.zero_grad()
        encoded = encoder(batch)
        sum((v**3).sum() for v in encoded.values()).backward()
        found[fold] = encoded, {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None and p.numel()}
    for name, vectors in found[True][0].items():
        torch.testing.assert_close(vectors, found[False][0][name], rtol=1e-4, atol=1e-5)
    assert found[True][1].keys() == found[False][1].keys()
    for name, gradient in found[True][1].items():
        torch.testing.assert_close(gradient, found[False][1][name], rtol=1e-3, atol=1e-4)
