"""The tables that every benchmark measures on: users, items, and facts of power-law degree in time order.

At scale 1: 1M users, 100k items, 10M facts over two years. The k-th most active of n users or items is drawn with weight
(k + n / 50) ** -0.8, so mean degrees are 10 and 100 and the largest some hundred times that.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DAY = 86_400_000_000
START = 1_672_531_200_000_000  # 2023-01-01
SPAN = 730 * DAY


@dataclass(frozen=True)
class Synthetic:
    """Facts in time order: `user`, `item` int32[facts], `time` int64[facts] microseconds, `amount` float32[facts]."""

    users: int
    items: int
    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    amount: npt.NDArray[np.float32]


def generate(facts: int = 10_000_000, seed: int = 0) -> Synthetic:
    """The tables with `facts` facts, a tenth as many users and a hundredth as many items."""
    rng = np.random.default_rng(seed)
    users, items = max(facts // 10, 1), max(facts // 100, 1)
    return Synthetic(
        users=users,
        items=items,
        user=_power_law(rng, users, facts),
        item=_power_law(rng, items, facts),
        time=np.sort(rng.integers(START, START + SPAN, facts)),
        amount=rng.lognormal(3, 1, facts).astype(np.float32),
    )


def _power_law(rng: np.random.Generator, count: int, draws: int) -> npt.NDArray[np.int32]:
    """`draws` ids below `count`, ids shuffled so that activity says nothing of the id."""
    weight = (np.arange(count) + count / 50) ** -0.8
    cumulative = np.cumsum(weight / weight.sum())
    rank = np.searchsorted(cumulative, rng.random(draws)).clip(max=count - 1)
    return rng.permutation(count).astype(np.int32)[rank]
