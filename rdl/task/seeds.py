"""The values that flow from the task to features, graph and stack.

`Seeds` carry no target, so what predicts cannot read one; `Labels` pair seeds with their target and are handed to what fits.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Int = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Seeds:
    """(entity, cutoff) pairs to predict, as parallel arrays.

    Attributes:
        entity: [n] dense row ids in the entity table.
        cutoff: [n] microseconds UTC: the moment the prediction is about.
        as_of: [n] microseconds UTC, at most the cutoff: a row is visible if and only if `row.time < as_of`. Earlier than the
            cutoff where the database is stale (regime frozen, staleness-matched training).
    """

    entity: Int
    cutoff: Int
    as_of: Int

    def __post_init__(self) -> None:
        assert len(self.entity) == len(self.cutoff) == len(self.as_of)
        assert bool(np.all(self.as_of <= self.cutoff)), "as_of lies after the cutoff"

    def __len__(self) -> int:
        return len(self.entity)

    def __getitem__(self, index: "Int | NDArray[np.bool_] | slice") -> "Seeds":
        return Seeds(self.entity[index], self.cutoff[index], self.as_of[index])

    @staticmethod
    def at(entity: Int, cutoff: Int) -> "Seeds":
        """Seeds whose database is up to date: `as_of` is the cutoff."""
        return Seeds(entity, cutoff, cutoff)

    def stale(self, staleness: Int) -> "Seeds":
        """The same seeds seen from a database that stopped `staleness` [n] microseconds before the cutoff."""
        return Seeds(self.entity, self.cutoff, self.cutoff - staleness)

    def frozen(self, snapshot: int) -> "Seeds":
        """The same seeds seen from a database that stopped at `snapshot`."""
        return Seeds(self.entity, self.cutoff, np.minimum(self.cutoff, snapshot))

    @staticmethod
    def concat(parts: "Sequence[Seeds]") -> "Seeds":
        """All parts in order."""
        return Seeds(
            np.concatenate([p.entity for p in parts]),
            np.concatenate([p.cutoff for p in parts]),
            np.concatenate([p.as_of for p in parts]),
        )


@dataclass(frozen=True)
class Lists:
    """n lists of dense row ids, one behind the other: list i is `rows[starts[i]:starts[i + 1]]`, ascending, no row twice.

    Attributes:
        starts: [n + 1], from 0 on.
        rows: row ids in the table that a recommendation ranks.
    """

    starts: Int
    rows: Int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: "Int | NDArray[np.bool_] | slice") -> "Lists":
        kept = np.arange(len(self), dtype=np.int64)[index]
        sizes = self.sizes[kept]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        places = np.arange(starts[-1]) - np.repeat(starts[:-1] - self.starts[kept], sizes)
        return Lists(starts, self.rows[places])

    @property
    def sizes(self) -> Int:
        """[n] how long each list is."""
        return np.diff(self.starts)

    @staticmethod
    def concat(parts: "Sequence[Lists]") -> "Lists":
        """All parts in order."""
        sizes = np.concatenate([p.sizes for p in parts])
        return Lists(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([p.rows for p in parts]))


@dataclass(frozen=True)
class Labels:
    """Seeds and what became of them.

    Attributes:
        seeds: n seeds.
        target: by the task's kind: [n] 0 or 1 (binary), the value (regression), the class's place in `Task.classes` (multiclass; -1
            where the task does not know it), [n, classes] 0 or 1 (multilabel), [n] the list's length (recommendation).
        lists: of a recommendation, the rows that were right; None for the other kinds.
    """

    seeds: Seeds
    target: Float
    lists: Lists | None = None

    def __post_init__(self) -> None:
        assert len(self.seeds) == len(self.target)
        assert self.lists is None or len(self.lists) == len(self.seeds)

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: "Int | NDArray[np.bool_] | slice") -> "Labels":
        return Labels(self.seeds[index], self.target[index], None if self.lists is None else self.lists[index])

    def seen_by(self, seeds: Seeds) -> "Labels":
        """The same labels, predicted from other seeds [n]: the same entities and cutoffs, another `as_of`."""
        return Labels(seeds, self.target, self.lists)

    @staticmethod
    def concat(parts: "Sequence[Labels]") -> "Labels":
        """All parts in order."""
        lists = [p.lists for p in parts if p.lists is not None]
        return Labels(
            Seeds.concat([p.seeds for p in parts]),
            np.concatenate([p.target for p in parts]),
            Lists.concat(lists) if lists else None,
        )


@dataclass(frozen=True)
class History:
    """Past labels of a task, as rows that the law of time applies to.

    Attributes:
        entity: [m] dense row ids in the entity table.
        cutoff: [m] the labels' cutoffs.
        time: [m] the last instant each label read; usable by a seed if and only if `time < seed.as_of`.
        value: [m] the labels; [m, channels] of 0 and 1 where they name classes, one channel for each of the most frequent.
    """

    entity: Int
    cutoff: Int
    time: Int
    value: Float
