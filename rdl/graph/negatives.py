"""Rows that a seed could have been linked to and was not: negatives for learning links, without a look ahead.

What is drawn was visible at the seed's `as_of`: the rows of the target table, or, by popularity, the targets of links that had been
made by then. A draw depends on (random seed, entity, cutoff, its place among the seed's draws) alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numba
import numpy as np
import numpy.typing as npt

from rdl.errors import UsageError
from rdl.graph.kernels import GOLDEN, mix, seed_keys
from rdl.graph.store import GraphStore
from rdl.graph.tables import EdgeType
from rdl.graph.walk import count_visible

if TYPE_CHECKING:
    from rdl.task import Seeds

Int64s = npt.NDArray[np.int64]

TRIES = 100
"""Draws for one negative, after which the next row that will do is taken."""

NONE = -1
"""Where a seed has no negative: nothing was visible that is not to be avoided."""


class NegativeSampler:
    """Draws rows of one table as negatives; with replacement.

    `target` names the table: all its visible rows are equally likely. Or it is a reference (child, column, table): a row of the
    table is as likely as it has visible children, which is how often it was linked to.
    """

    def __init__(self, store: GraphStore, target: str | EdgeType, seed: int = 0) -> None:
        self.seed = seed
        self._through = None
        name = target
        if not isinstance(target, str):
            link = next((x for x in store.links if x.upward == tuple(target)), None)
            if link is None:
                raise UsageError(f"no reference {target}", fix=f"known are: {[x.upward for x in store.links]}")
            self._through, name = link, link.parent
        self.table = store.table(str(name))
        self._child = store.table(self._through.child) if self._through else None

    def sample(self, seeds: "Seeds", count: int, avoid: Sequence[npt.ArrayLike] | None = None) -> Int64s:
        """`count` rows for each seed, int64[n, count]; NONE where there is none.

        `avoid` holds for each seed the rows that are no negatives, such as those it will be linked to.
        """
        as_of = np.ascontiguousarray(seeds.as_of, np.int64)
        lists = (
            [np.unique(np.asarray(rows, np.int64)) for rows in avoid] if avoid is not None else [np.empty(0, np.int64)] * len(as_of)
        )
        if len(lists) != len(as_of):
            raise UsageError(f"{len(lists)} lists to avoid for {len(as_of)} seeds", fix="give one a seed")
        ends = np.concatenate([[0], np.cumsum([len(rows) for rows in lists])]).astype(np.int64)
        avoided = np.concatenate([np.empty(0, np.int64), *lists])
        keys = seed_keys(
            np.uint64(self.seed % 2**64), np.ascontiguousarray(seeds.entity, np.int64), np.ascontiguousarray(seeds.cutoff, np.int64)
        )
        bound = count_visible(self.table.time, as_of)
        out = np.full((len(as_of), count), NONE, np.int64)
        if self._through is None or self._child is None:
            _draw(keys, bound, bound, np.empty(0, np.int32), ends, avoided, out)
        else:
            linked = np.ascontiguousarray(self._child.keys[:, self._through.place])
            _draw(keys, bound, count_visible(self._child.time, as_of), linked, ends, avoided, out)
        return out


@numba.njit(cache=True, nogil=True)
def _draw(
    keys: npt.NDArray[np.uint64],
    bound: Int64s,
    span: Int64s,
    linked: npt.NDArray[np.int32],
    ends: Int64s,
    avoided: Int64s,
    out: Int64s,
) -> None:
    """Fill `out` [n, count]: a place below `span` [n] is a row, or the child that it is the parent of in `linked`."""
    for i in range(len(out)):
        if span[i] <= 0:
            continue
        no = avoided[ends[i] : ends[i + 1]]
        for j in range(out.shape[1]):
            state = mix(keys[i] + GOLDEN * np.uint64(j + 1))
            place = np.int64(0)
            for _ in range(TRIES):
                state += GOLDEN
                place = np.int64((mix(state) >> np.uint64(1)) % np.uint64(span[i]))
                if _fits(place, linked, bound[i], no):
                    break
            for step in range(span[i]):
                at = (place + step) % span[i]
                if _fits(at, linked, bound[i], no):
                    out[i, j] = linked[at] if len(linked) else at
                    break


@numba.njit(cache=True, nogil=True)
def _fits(place: int, linked: npt.NDArray[np.int32], bound: int, no: Int64s) -> bool:
    """Whether the row at a place is visible, and none to be avoided."""
    row = np.int64(linked[place]) if len(linked) else place
    if row < 0 or row >= bound:
        return False
    at = np.searchsorted(no, row)
    return not (at < len(no) and no[at] == row)
