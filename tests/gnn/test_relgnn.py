"""RelGNN: trimming changes no number, a row is fused with its other parents only, and what lies behind a bridge is one hop away."""

import numpy as np
import pytest
import torch

from rdl.gnn import fit_gnn
from rdl.gnn.naming import module_key
from rdl.gnn.relgnn import HeteroRelGnn, RelGnnLayer
from rdl.graph import Sampler
from rdl.graph.batch import to_hetero_data
from rdl.task import Kind, Seeds
from rdl.timeline import DAY
from tests.gnn.shops import SMALL, make_shops

KINDS = [("visits", "user", "users"), ("users", "rev_user", "visits"), ("visits", "shop", "items"), ("items", "rev_shop", "visits")]


def batch_of(fanouts):
    store = make_shops().store
    seeds = Seeds.at(np.arange(40), np.arange(60, 100) * DAY)
    return store, to_hetero_data(store, Sampler(store, "users", fanouts).sample(seeds))


@pytest.mark.parametrize("fanouts", [[4], [4, 3], [4, 3, 2]])
def test__trimming__changes_no_number(fanouts):
    store, batch = batch_of(fanouts)
    torch.manual_seed(0)
    network = HeteroRelGnn(store.metadata(), "users", 8, len(fanouts), 0.0)
    encoded = {name: torch.randn(batch[name].num_nodes, 8) for name in batch.node_types}
    trimmed, whole = network(encoded, batch), network(encoded, batch, trim=False)
    assert trimmed.shape == (40, 8)
    torch.testing.assert_close(trimmed, whole, atol=1e-6, rtol=1e-6)


def layer_over_visits() -> tuple[RelGnnLayer, dict, dict, dict]:
    """Two users, two items, three visits: (user, item) = (0, 0), (0, 1), (1, 1)."""
    torch.manual_seed(1)
    layer = RelGnnLayer((("users", "items", "visits"), KINDS), 8, 0.0)
    x = {"users": torch.randn(2, 8), "items": torch.randn(2, 8), "visits": torch.randn(3, 8)}
    user, item, visit = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), torch.arange(3)
    ends = {"user": user, "shop": item}
    index = {k: torch.stack([ends[k[1][4:]], visit] if k[1].startswith("rev_") else [visit, ends[k[1]]]) for k in KINDS}
    return layer, x, index, {name: len(v) for name, v in x.items()}


def test__layer__is_what_loops_say():
    layer, x, index, size = layer_over_visits()
    found = layer(x, index, size, x, index)["users"]
    kind, rev = ("visits", "user", "users"), module_key("items", "rev_shop", "visits")
    for user, visits in ((0, [(0, 0), (1, 1)]), (1, [(2, 1)])):
        rows = [torch.relu(layer.fact[module_key("visits")](x["visits"][v]) + layer.dim[rev](x["items"][i])) for v, i in visits]
        fused = torch.stack(rows)
        query = layer.query[module_key(*kind)](x["users"][user]).view(4, 2)
        keys = layer.key[module_key(*kind)](fused).view(-1, 4, 2)
        weight = torch.softmax((query * keys).sum(2) / 2**0.5, dim=0)
        attended = (fused.view(-1, 4, 2) * weight[:, :, None]).sum(0).reshape(-1)
        both = torch.cat([attended, fused.mean(0) * np.log1p(len(rows))])
        total = layer.own[module_key("users")](x["users"][user]) + layer.messages[module_key(*kind)](both)
        expected = torch.relu(layer.norm[module_key("users")](total)) + x["users"][user]
        torch.testing.assert_close(found[user], expected, atol=1e-5, rtol=1e-5)


def test__one_layer__sees_what_lies_behind_a_bridge():
    layer, x, index, size = layer_over_visits()
    before = layer(x, index, size, x, index)["users"]
    other = {**x, "items": x["items"] + torch.tensor([[1.0], [0.0]])}
    after = layer(x, index, size, other, index)["users"]
    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])  # who never visited the item


def test__a_parent__is_not_told_of_itself():
    layer, x, index, size = layer_over_visits()
    other = {**x, "users": x["users"] + torch.tensor([[0.0], [1.0]])}
    before, after = (layer(x, index, size, encoded, index) for encoded in (x, other))
    assert torch.allclose(before["users"], after["users"], atol=1e-6)
    assert torch.equal(before["items"][0], after["items"][0])
    assert not torch.allclose(before["items"][1], after["items"][1])


def test__fit__learns_what_is_two_hops_away_and_predicts_in_any_batch():
    shops = make_shops()
    train, valid = shops.halves()
    settings = type(SMALL)(**{**SMALL.to_json(), "network": "relgnn"})
    fitted = fit_gnn(shops.store, Kind.BINARY, "users", train, valid, settings, 0)
    assert max(fitted.report["networks"][0]["scores"]) > 0.85
    whole = fitted.predict(shops.store, valid.seeds)
    alone = fitted.predict(shops.store, valid.seeds[:7])
    assert np.allclose(whole[:7], alone, atol=1e-6)
