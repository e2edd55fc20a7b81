"""A tiny database whose label is two hops away: did a user's last visits lead to shops of the good brand?"""

from dataclasses import dataclass, replace

import numpy as np

from rdl.gnn import GnnSettings
from rdl.graph import GraphStore, NodeTable
from rdl.graph.hashing import hash_value
from rdl.task import Kind, Labels, Seeds
from rdl.timeline import ALWAYS, DAY

USERS, SHOPS, VISITS = 300, 40, 2400
CUTOFF = 100 * DAY

SMALL = GnnSettings(
    channels=8,
    fanouts=(8, 4),
    buckets=256,
    epochs=6,
    batch_size=32,
    learning_rate=2e-2,
    warm_up=5,
    averaging=0.9,
    dropout=0.0,
    patience=12,
    threads=1,
    device="cpu",
)


@dataclass(frozen=True)
class Shops:
    """A store, labels at CUTOFF, and the share of good visits that they come from."""

    store: GraphStore
    labels: Labels
    share: np.ndarray

    def asked(self, kind: Kind) -> "Shops":
        """The same world with labels of another kind, all of them from the share of good visits."""
        return replace(self, labels=Labels(self.labels.seeds, _target(kind, self.share)))

    def halves(self) -> tuple[Labels, Labels]:
        """Two thirds of the users, and the others."""
        return self.labels[: 2 * USERS // 3], self.labels[2 * USERS // 3 :]


CLASSES = {Kind.BINARY: 0, Kind.REGRESSION: 0, Kind.MULTICLASS: 3, Kind.MULTILABEL: 2}
"""How many classes the labels of each kind name."""


def _target(kind: Kind, share: np.ndarray) -> np.ndarray:
    few, many = share < 0.4, share > 0.6
    return {
        Kind.BINARY: (share > 0.5).astype(np.float64),
        Kind.REGRESSION: 50 + 20 * share,
        Kind.MULTICLASS: np.where(few, 1.0, np.where(many, 2.0, 0.0)),
        Kind.MULTILABEL: np.stack([few, share > 0.5], axis=1).astype(np.float64),
    }[kind]


def make_shops(*, cut=False, more_after=0, table="items", brand_of_new=None) -> Shops:
    """users <- visits -> shops (the shops' table is called `table`).

    `cut` drops the reference to the shops; `more_after` adds that many visits from CUTOFF on, with odd values.
    """
    rng = np.random.default_rng(7)
    user, shop = rng.integers(0, USERS, VISITS), rng.integers(0, SHOPS, VISITS)
    time = np.sort(rng.integers(0, 100 * DAY, VISITS))
    amount = rng.lognormal(0, 1, VISITS)
    good = np.arange(SHOPS) % 2 == 0
    share = np.array([good[shop[user == u]].mean() if (user == u).any() else 0.0 for u in range(USERS)])
    brands = [hash_value(table, "brand", "good" if g else "bad") for g in good]
    noise, born = rng.random(USERS), rng.integers(-9000 * DAY, 0, USERS)
    if more_after:
        user, shop = (np.concatenate([a, rng.integers(0, n, more_after)]) for a, n in ((user, USERS), (shop, SHOPS)))
        time = np.concatenate([time, CUTOFF + np.arange(more_after) * DAY])
        amount = np.concatenate([amount, np.full(more_after, 1e30)])
    store = GraphStore.from_arrays(
        {
            "users": NodeTable.of(
                np.full(USERS, ALWAYS),
                {"numeric": {"noise": noise}, "timestamp": {"born": born}},
            ),
            "visits": NodeTable.of(time, {"numeric": {"amount": amount}}),
            table: NodeTable.of(
                np.full(SHOPS, ALWAYS), {"category": {"brand": np.array(brands if brand_of_new is None else brand_of_new)}}
            ),
        },
        {("visits", "user.id", "users"): user, ("visits", "shop", table): np.full(len(shop), -1) if cut else shop},
    )
    seeds = Seeds.at(np.arange(USERS), np.full(USERS, CUTOFF))
    return Shops(store, Labels(seeds, (share > 0.5).astype(np.float64)), share)
