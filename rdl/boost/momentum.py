"""Boosting with Nesterov's momentum: each tree is fitted a step ahead, where the last two rounds point.

    F_{t+1} = G_t + T_{t+1},  G_{t+1} = F_{t+1} + m_t (F_{t+1} - F_t)

T is fitted to the gradient at G; m grows from 0 towards 1 (Biau, Cadre and Rouvière, 2019). F is a sum of trees whose weights
depend on how many rounds there are, so what XGBoost has grown is weighed anew when the rounds are known: `settled`.
"""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

Float64 = NDArray[np.float64]


def momenta(rounds: int) -> Float64:
    """[rounds] m_t: 0, and then what grows towards 1."""
    size, found = 1.0, []
    for _ in range(rounds):
        after = (1 + np.sqrt(1 + 4 * size**2)) / 2
        found.append((size - 1) / after)
        size = after
    return np.array(found)


def tree_weights(rounds: int) -> Float64:
    """[rounds] what each round's trees weigh in F after so many rounds."""
    now, ahead = np.zeros(rounds), np.zeros(rounds)
    for t, m in enumerate(momenta(rounds)):
        before, now = now, ahead.copy()
        now[t] = 1.0
        ahead = now + m * (now - before)
    return now


class Ahead:
    """F and G of rows, followed from what XGBoost says of all trees so far, each counted once.

    Attributes:
        now, ahead: [n, k] F and G after the rounds that were followed.
    """

    def __init__(self, start: Float64) -> None:
        """Margins [n, k] before the first round."""
        self._size = 1.0
        self._sum = self.now = self.ahead = start

    def follow(self, total: Float64) -> None:
        """Take in the trees of one more round, whatever they say: [n, k] the sum of all trees, and where the margins start."""
        before, self.now = self.now, self.ahead + (total - self._sum)
        after = (1 + np.sqrt(1 + 4 * self._size**2)) / 2
        self.ahead = self.now + (self._size - 1) / after * (self.now - before)
        self._sum, self._size = total, after


def settled(booster: "xgboost.Booster", rounds: int, *, momentum: bool) -> "xgboost.Booster":
    """The booster of the first `rounds` rounds; where it was grown with momentum, its trees weigh what they do then."""
    import xgboost

    found = booster[:rounds]
    if not momentum:
        return found
    raw: dict[str, Any] = json.loads(found.save_raw("json"))
    trees = raw["learner"]["gradient_booster"]["model"]["trees"]
    weights = np.repeat(tree_weights(rounds), len(trees) // rounds)
    for tree, weight in zip(trees, weights, strict=True):
        leaf = np.array(tree["left_children"]) < 0
        for values in ("split_conditions", "base_weights"):
            kept = np.array(tree[values], dtype=np.float64)
            tree[values] = np.where(leaf, kept * weight, kept).tolist()
    settled_one = xgboost.Booster({"nthread": 1})
    settled_one.load_model(bytearray(json.dumps(raw).encode()))
    settled_one.set_param({"nthread": json.loads(booster.save_config())["learner"]["generic_param"]["nthread"]})
    return settled_one
