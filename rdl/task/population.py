"""How far those who are scored differ from those who were asked about in training, where one query decides both.

A label query without a population of its own (RelBench's are) knows the future: it asks about those to whom something happened.
Tonight that cannot be known, so `population_at` takes those who were lately asked about. The gap between the two is measured at
validation cutoffs, never at test ones, and kept in the project's home.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rdl.database import Database
from rdl.database.version import code_version
from rdl.errors import TaskError
from rdl.task.cutoffs import Split, split_cutoffs
from rdl.task.labels import labels_at, population_at
from rdl.task.seeds import Int, Seeds
from rdl.task.task import Kind, Task

_CUTOFFS = 48


@dataclass(frozen=True)
class PopulationGap:
    """Those asked about against those scored, over all measured cutoffs together.

    Attributes:
        cutoffs: validation cutoffs that were measured.
        of: validation cutoffs that there are.
        asked: (entity, cutoff) pairs with a label.
        scored: pairs that the population derived for scoring holds.
        both: pairs in both.
        mean_asked: the mean label (of a binary task the base rate) of those asked about; None where labels are no numbers.
        mean_both: the same of those who are scored as well.
    """

    cutoffs: int
    of: int
    asked: int
    scored: int
    both: int
    mean_asked: float | None = None
    mean_both: float | None = None

    @property
    def missed(self) -> float:
        """The share of those asked about who are not scored."""
        return (self.asked - self.both) / self.asked if self.asked else 0.0

    @property
    def excess(self) -> float:
        """The share of those scored who would never have been asked about."""
        return (self.scored - self.both) / self.scored if self.scored else 0.0

    def sentence(self) -> str:
        """The gap in words, with its numbers."""
        where = f"at {self.cutoffs} validation cutoff{'' if self.cutoffs == 1 else 's'}"
        where += f" (of {self.of})" if self.of > self.cutoffs else ""
        said = (
            f"who was asked about in training was chosen with knowledge of the future: {where} {self.excess:.0%} of those scored "
            f"({self.scored - self.both:,} of {self.scored:,}) would never have been asked about, and {self.missed:.0%} of those "
            f"asked about ({self.asked - self.both:,} of {self.asked:,}) are missed"
        )
        if self.mean_asked is None or self.mean_both is None:
            return said
        return f"{said}; the mean label is {self.mean_asked:.4g} of all asked about and {self.mean_both:.4g} of those scored too"

    def to_json(self) -> dict[str, Any]:
        """Plain data, the shares and the sentence beside the counts."""
        return {**asdict(self), "missed": self.missed, "excess": self.excess, "sentence": self.sentence()}


def population_gap(database: Database, task: Task) -> PopulationGap | None:
    """The gap of a task without a population query, measured once for the same rows, task and code.

    Returns:
        None where the population has a query of its own, where the label asks about every row of its table (autocomplete, static)
        or stands in a file, or where no validation cutoff is mature.

    Raises:
        TaskError, SqlError: the label query is wrong, see `labels_at`.
    """
    if task.population_sql is not None or task.autocomplete or task.static or task.fixed:
        return None
    path = database.project.home / "populations" / f"{_key(database, task)}.json"
    if path.is_file():
        return PopulationGap(**json.loads(path.read_text(encoding="utf-8")))
    try:
        cutoffs = split_cutoffs(task, Split.VALIDATION, database.span)
    except TaskError:  # there is nothing to measure on, and `rdl tasks` says why
        return None
    gap = _measure(database, task, cutoffs)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(json.dumps(asdict(gap)), encoding="utf-8")
    aside.replace(path)
    return gap


def _measure(database: Database, task: Task, cutoffs: Int) -> PopulationGap:
    """The gap at `cutoffs` [k], or at 48 of them, evenly spaced, the first and the last among them."""
    taken = cutoffs[np.unique(np.linspace(0, len(cutoffs) - 1, _CUTOFFS).round().astype(np.int64))]
    labels, _ = labels_at(database, task, taken)
    asked, scored = _pairs(labels.seeds, taken), _pairs(population_at(database, task, taken), taken)
    both = np.isin(asked, scored)
    counts = (len(taken), len(cutoffs), len(asked), len(scored), int(both.sum()))
    if task.kind not in (Kind.BINARY, Kind.REGRESSION) or not both.any():
        return PopulationGap(*counts)
    return PopulationGap(*counts, float(labels.target.mean()), float(labels.target[both].mean()))


def _pairs(seeds: Seeds, cutoffs: Int) -> Int:
    """[n] one integer a pair."""
    return np.asarray(seeds.entity * len(cutoffs) + np.searchsorted(cutoffs, seeds.cutoff), dtype=np.int64)


def _key(database: Database, task: Task) -> str:
    facts = {name: value for name, value in asdict(task).items() if name not in ("path", "name")}
    text = json.dumps([code_version(), database.fingerprint, facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
