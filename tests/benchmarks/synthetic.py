"""The tables that every benchmark measures on: users, items, and facts of power-law degree in time order.

At scale 1: 1M users, 100k items, 10M facts over two years. The k-th most active of n users or items is drawn with weight
(k + n / 50) ** -0.8, so mean degrees are 10 and 100 and the largest some hundred times that. `generate` makes arrays;
`write_tables` makes files of the same laws, as large as the disk is.
"""

from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdl.database.engine import connect, literal

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


FACTS = """
SELECT
  i AS fact_id,
  CAST(({user_rank} * 1000003) % {users} AS INTEGER) AS user_id,
  CAST(({item_rank} * 1000003) % {items} AS INTEGER) AS item_id,
  make_timestamp({start} + i * {step} + CAST(hash(i, 't') % {step} AS BIGINT)) AS happened_at,
  CAST(exp(3 + sqrt(-2 * ln({a} + 1e-12)) * cos(2 * pi() * {b})) AS FLOAT) AS amount,
  ['web', 'shop', 'phone'][1 + CAST(hash(i, 'c') % 3 AS INTEGER)] AS channel
FROM (SELECT {fact} AS i FROM range({first}, {last}) t(j))
"""
USERS = "SELECT CAST(i AS INTEGER) AS user_id, CAST(i % 90 AS FLOAT) AS age FROM range({users}) t(i)"
ITEMS = "SELECT CAST(i AS INTEGER) AS item_id, CAST(i % 999 AS FLOAT) AS price FROM range({items}) t(i)"


def table_selects(facts: int, shuffled: bool = False, more: int = 0) -> dict[str, str]:
    """A SELECT a table, `facts` with fact_id, user_id, item_id, happened_at, amount and channel in the order of time, or in none.

    With `more`, `facts` holds only as many rows that come after those.
    """
    users, items = max(facts // 10, 1), max(facts // 100, 1)
    stride = int(facts * 0.618034) | 1
    while gcd(stride, facts) > 1:
        stride += 2
    fills = {
        "users": users,
        "items": items,
        "start": START,
        "step": SPAN // facts,
        "user_rank": _rank_sql(users, "u"),
        "item_rank": _rank_sql(items, "i"),
        "a": _uniform_sql("a"),
        "b": _uniform_sql("b"),
        "fact": f"(j * {stride}) % {facts}" if shuffled else "j",
        "first": facts if more else 0,
        "last": facts + more,
    }
    return {name: select.format(**fills) for name, select in (("users", USERS), ("items", ITEMS), ("facts", FACTS))}


def write_tables(folder: Path, facts: int, kind: str = "parquet", shuffled: bool = False) -> None:
    """Write `users`, `items` and `facts` as files of a kind, streaming."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = connect("2GB", 2, folder)
    for name, select in table_selects(facts, shuffled).items():
        connection.execute(f"COPY ({select}) TO {literal(str(folder / f'{name}.{kind}'))} (FORMAT {kind})").fetchall()
    connection.close()


def _uniform_sql(salt: str) -> str:
    """A number in [0, 1) that hangs on the fact's id."""
    return f"((hash(i, '{salt}') >> 11) * {2.0**-53!r})"


def _rank_sql(count: int, salt: str) -> str:
    """A rank below `count` of density (k + count / 50) ** -0.8: the inverse of its distribution at a uniform number."""
    low, high = (count / 50) ** 0.2, (count * 1.02) ** 0.2
    return f"least(CAST(floor(pow({low!r} + {_uniform_sql(salt)} * {high - low!r}, 5) - {count / 50!r}) AS BIGINT), {count - 1})"
