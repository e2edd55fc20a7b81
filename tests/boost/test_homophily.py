"""Static, independent nodes: on a homophilous graph with tabular columns, boosting with propagation beats boosting alone and a GNN.

What is published (Chen et al., 2022) on real graphs, on one that is made here: columns of many scales, skewed, with thresholds and
products, as tables have them, and neighbours that are alike in what the columns tell only faintly.
"""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from rdl.boost import BoostSettings, Matrix
from rdl.boost.losses import loss_of
from rdl.boost.smoothed import fit_smoothed, margins
from rdl.boost.smoothing import Links, Smoothing
from rdl.task import Kind

NODES, DEGREE, COLUMNS = 3_000, 6, 20
NONE = Smoothing((), (), 0.0)
SETTINGS = BoostSettings(
    rounds=300,
    patience=30,
    learning_rate=0.05,
    max_depth=4,
    min_child_weight=1.0,
    subsample=0.8,
    colsample_bytree=0.5,
    reg_lambda=1.0,
    threads=1,
)


def world(seed):
    """Columns [n, 20], labels [n], and edges [2, e] in both directions between nodes that are mostly of one kind."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(NODES, COLUMNS))
    told = (
        1.5 * (values[:, 0] > 0.3) * np.where(values[:, 1] > -0.4, 1, -1)
        + (np.abs(values[:, 2]) < 0.7)
        + 0.8 * np.sign(values[:, 3] * values[:, 4])
    )
    label = told + rng.normal(0, 1.2, NODES) > np.median(told)
    values[:, :10] = np.exp(2 * values[:, :10])  # skewed
    values[:, 10:] *= 10.0 ** rng.integers(-2, 4, 10)  # of many scales
    pairs = rng.integers(0, NODES, (2, 4 * DEGREE * NODES))
    kept = (pairs[0] != pairs[1]) & ((label[pairs[0]] == label[pairs[1]]) | (rng.random(pairs.shape[1]) < 0.35))
    edges = pairs[:, kept][:, : DEGREE * NODES // 2]
    return values.astype(np.float32), label.astype(np.float64), np.concatenate([edges, edges[::-1]], axis=1)


def boosted(values, label, parts, smoothing):
    """Scores of all nodes; rounds by the log loss of the validation nodes."""
    train, valid, _ = parts
    matrix, target = Matrix(values, tuple(f"c{i}" for i in range(COLUMNS)), (False,) * COLUMNS), label[:, None]
    loss, weight = loss_of(Kind.BINARY, "log_loss", target), train.astype(np.float64)
    booster, start, _ = fit_smoothed(matrix, target, smoothing, loss, SETTINGS, 0, weight)
    best = min(
        range(20, SETTINGS.rounds + 1, 20),
        key=lambda r: loss.value(smoothing.push(margins(booster, start, matrix, 1, r)), target)[valid].mean(),
    )
    return smoothing.push(margins(booster, start, matrix, 1, best))[:, 0]


def networked(values, label, edges, parts, seed, layer):
    """Scores of all nodes by two layers of a PyG network on standardised columns, the epoch by the validation nodes."""
    import torch
    from torch_geometric.nn import GCNConv, SAGEConv

    torch.manual_seed(seed)
    train, valid, _ = (torch.from_numpy(part) for part in parts)
    spread = np.sign(values) * np.log1p(np.abs(values))  # a network is helped with skewed columns, trees need no help
    x = torch.from_numpy(((spread - spread.mean(0)) / spread.std(0)).astype(np.float32))
    y, links = torch.from_numpy(label).float(), torch.from_numpy(edges)
    kind = {"gcn": GCNConv, "sage": SAGEConv}[layer]
    layers = torch.nn.ModuleList([kind(COLUMNS, 64), kind(64, 64), torch.nn.Linear(64, 1)])
    optimiser = torch.optim.Adam(layers.parameters(), lr=0.01, weight_decay=5e-4)

    def scores(drop):
        h = x
        for conv in layers[:2]:
            h = torch.nn.functional.dropout(conv(h, links).relu(), 0.5, training=drop)
        return layers[2](h)[:, 0]

    best, found = np.inf, None
    for _ in range(150):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(scores(drop=True)[train], y[train]).backward()
        optimiser.step()
        with torch.no_grad():
            z = scores(drop=False)
            loss = float(torch.nn.functional.binary_cross_entropy_with_logits(z[valid], y[valid]))
        if loss < best:
            best, found = loss, z.numpy().astype(np.float64)
    return found


def aurocs(seed):
    values, label, edges = world(seed)
    draw = np.random.default_rng(seed + 50).random(NODES)
    parts = draw < 0.5, (draw >= 0.5) & (draw < 0.7), draw >= 0.7
    weight = sparse.csr_array((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(NODES, NODES))
    found = {
        "alone": boosted(values, label, parts, NONE),
        "joint": max(
            (boosted(values, label, parts, Smoothing((Links(weight),), (1.0,), b, 3)) for b in (0.4, 0.8)),
            key=lambda z: roc_auc_score(label[parts[1]], z[parts[1]]),
        ),
        "gcn": networked(values, label, edges, parts, seed, "gcn"),
        "sage": networked(values, label, edges, parts, seed, "sage"),
    }
    return {name: roc_auc_score(label[parts[2]], z[parts[2]]) for name, z in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test__homophilous_graph__boosting_with_propagation_beats_boosting_alone_and_a_gnn(seed):
    found = aurocs(seed)
    assert found["joint"] > found["alone"] + 0.08, found
    assert found["joint"] > max(found["gcn"], found["sage"]) + 0.03, found
