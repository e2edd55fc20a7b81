"""The values that flow from the task to features, graph and stack.

`Seeds` carry no target, so what predicts cannot read one; `Labels` pair seeds with their target and are handed to what fits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    def concat(parts: "list[Seeds]") -> "Seeds":
        """All parts in order."""
        return Seeds(
            np.concatenate([p.entity for p in parts]),
            np.concatenate([p.cutoff for p in parts]),
            np.concatenate([p.as_of for p in parts]),
        )


@dataclass(frozen=True)
class Labels:
    """Seeds and what became of them: `target` [n] is 0 or 1 (binary) or the value (regression)."""

    seeds: Seeds
    target: Float

    def __post_init__(self) -> None:
        assert len(self.seeds) == len(self.target)

    def __len__(self) -> int:
        return len(self.target)

    def __getitem__(self, index: "Int | NDArray[np.bool_] | slice") -> "Labels":
        return Labels(self.seeds[index], self.target[index])

    @staticmethod
    def concat(parts: "list[Labels]") -> "Labels":
        """All parts in order."""
        return Labels(Seeds.concat([p.seeds for p in parts]), np.concatenate([p.target for p in parts]))


@dataclass(frozen=True)
class History:
    """Past labels of a task, as rows that the law of time applies to.

    Attributes:
        entity: [m] dense row ids in the entity table.
        cutoff: [m] the labels' cutoffs.
        time: [m] the last instant each label read; usable by a seed if and only if `time < seed.as_of`.
        value: [m] the labels.
    """

    entity: Int
    cutoff: Int
    time: Int
    value: Float
