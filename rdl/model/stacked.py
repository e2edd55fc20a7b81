"""A member that is a robust stack: layers of learners on all features and on what the layer before them predicts out of fold.

How many layers there are above the first is chosen on the folds; none is always a candidate, and more must be better by more
than chance. What is fitted keeps its rows' out-of-fold predictions: they are what later rows learn from.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rdl.boost import BoostSettings, best_rounds, learning_curve, row_losses, with_rounds
from rdl.boost.stacking import ALPHA, FittedStack, Learners, Learning, fit_stack, time_blocks
from rdl.errors import ModelFileError
from rdl.features import Encoding
from rdl.model.boosted import encoded_matrix, learned_rows, settings_for, shaped_target
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member
from rdl.model.related import Kinship, Nodes, known_paths, nodes_of

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]

MOST_LAYERS = 2
"""Layers above the first, at most."""
ERRORS = 2.0
"""Standard errors by which more layers must be better."""
PARTS = 4
"""Parts of time that the rows are divided into; those of the first have no out-of-fold prediction."""
KIN = 2
"""Last parents and categories whose groups are learned from, at most."""
HORIZONS = 12
"""How many horizons old a row is that weighs 1/e of a new one."""
FASTER = 2.0
"""How many times faster the learners learn than where they stand alone: there are many of them."""
DEEPER = 3
"""How much deeper the second learner's trees are."""
_FILE, _ROWS = "stack.json", "rows.parquet"


@dataclass(frozen=True)
class FittedStacked(FittedMember):
    """Layers, and the rows that later ones learn from.

    Attributes:
        stack: the layers; what it knows is of `nodes`, in their order.
        nodes: the rows of the fit that may be learned from.
        kinship: by whom.
        encoding: of the features.
    """

    stack: FittedStack
    nodes: Nodes
    kinship: Kinship
    encoding: Encoding

    def predict(self, inputs: Prepared, source: Source) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        return self.predict_each(inputs, source)[-1]

    def predict_each(self, inputs: Prepared, source: Source) -> list[Float64]:
        """What each layer alone says: see `FittedStack.predict_each`."""
        matrix = encoded_matrix(inputs.features, self.encoding, ())
        later = nodes_of(inputs, source, self.kinship.paths, sources=False)
        return self.stack.predict_each(matrix, Nodes.concat((self.nodes, later)).smoothing(self.kinship))

    def importance(self) -> dict[str, float]:
        """Share of the last layer's gain by column."""
        return self.stack.importance()

    def save(self, folder: Path) -> None:
        """Write trees as UBJSON, the rows as Parquet, the rest as JSON."""
        self.stack.save(folder)
        table = self.nodes.to_table()
        for i, known in enumerate(self.stack.known):
            for k, column in enumerate(known.T):
                table = table.append_column(f"known_{i}_{k}", pa.array(column))
        pq.write_table(table, folder / _ROWS)
        facts = {
            "layers": len(self.stack.layers),
            "learners": len(self.stack.layers[0]),
            "known": [known.shape[1] for known in self.stack.known],
            "kinship": asdict(self.kinship),
            "encoding": self.encoding.to_json(),
        }
        (folder / _FILE).write_text(json.dumps(facts), encoding="utf-8")


class Stacked(Member):
    """Layers of bagged learners over forward-chained blocks of time, with propagation between them."""

    def __init__(self, name: str, *, optional: bool = False) -> None:
        self.name, self.optional = name, optional

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """Rounds of each learner, then the layers: more where the folds are clearly better off."""
        rounds = [self._rounds(folds, told, context) for told in _learners(context.boost)]
        kinship = self._kinship(folds[0].train, context)
        found = []
        for i, fold in enumerate(folds):
            log.info("%s: fold %d of %d, %d rows", self.name, i + 1, len(folds), len(fold.train.target))
            rows = _Rows.of(fold.train, kinship, context)
            found.append(rows.fit(rounds, MOST_LAYERS, context).predict_each(fold.valid.inputs, context.source))
        layers = _supported(folds, found, context)
        log.info("%s: %d more layers are best on the folds", self.name, layers)
        choice = {"rounds": rounds, "layers": layers, "kinship": asdict(kinship)}
        return choice, [each[min(layers, len(each) - 1)] for each in found]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedStacked:
        """Fit the chosen layers on everything."""
        log.info("%s: fitting %d layers on %d rows", self.name, choice["layers"] + 1, len(examples.target))
        rows = _Rows.of(examples, Kinship.from_json(choice["kinship"]), context)
        return rows.fit(choice["rounds"], choice["layers"], context, seeds=context.boost.seeds)

    def load(self, folder: Path) -> FittedStacked:
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            table, kinship = pq.read_table(folder / _ROWS), Kinship.from_json(facts["kinship"])
            known = [
                np.stack([table[f"known_{i}_{k}"].to_numpy() for k in range(width)], axis=1)
                for i, width in enumerate(facts["known"])
            ]
            stack = FittedStack.load(folder, facts["layers"], facts["learners"], known)
            return FittedStacked(stack, Nodes.from_table(table, kinship.paths), kinship, Encoding.from_json(facts["encoding"]))
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error

    def _rounds(self, folds: Sequence[FoldExamples], told: BoostSettings, context: Context) -> int:
        """The rounds at which a learner of features alone is best on the folds."""
        curves = []
        for fold in folds:
            encoding = Encoding.fit(fold.train.inputs.features)
            matrix, target, weight = learned_rows(fold.train, encoding, (), context)
            valid = encoded_matrix(fold.valid.inputs.features, encoding, ()), shaped_target(fold.valid, context)
            settings = settings_for(fold.train, told)
            curves.append(
                learning_curve((matrix, target), valid, context.kind, context.metric, settings, context.settings.seed, weight)
            )
        return best_rounds(curves)

    @staticmethod
    def _kinship(examples: Examples, context: Context) -> Kinship:
        return Kinship(known_paths(examples, context.source, KIN), ALPHA, float(HORIZONS * context.source.task.window))


@dataclass(frozen=True)
class _Rows:
    """Training rows as a stack reads them."""

    learning: Learning
    nodes: Nodes
    kinship: Kinship
    encoding: Encoding
    settings: BoostSettings

    @staticmethod
    def of(examples: Examples, kinship: Kinship, context: Context) -> "_Rows":
        encoding = Encoding.fit(examples.inputs.features)
        matrix, target, weight = learned_rows(examples, encoding, (), context)
        parts = (examples, *examples.between)
        nodes = Nodes.concat([nodes_of(part.inputs, context.source, kinship.paths, sources=True) for part in parts])
        learning = Learning(matrix, target, weight, time_blocks(nodes.moment, nodes.ready, PARTS))
        nodes = replace(nodes, source=nodes.source & learning.predicted)
        return _Rows(learning, nodes, kinship, encoding, settings_for(examples, context.boost))

    def fit(self, rounds: Sequence[int], extra: int, context: Context, seeds: int = 1) -> FittedStacked:
        """A first layer and `extra` more; only the first where no row can be predicted out of fold."""
        told = [replace(with_rounds(s, r), seeds=seeds) for s, r in zip(_learners(self.settings), rounds, strict=True)]
        learners = Learners(tuple(told), context.kind, context.metric, context.settings.seed)
        extra = extra if self.nodes.source.any() else 0
        stack = fit_stack(self.learning, self.nodes.smoothing(self.kinship), learners, extra)
        kept = np.flatnonzero(self.nodes.source) if extra else np.array([], dtype=np.int64)
        known = tuple(layer[kept] for layer in stack.known)
        return FittedStacked(replace(stack, known=known), self.nodes.rows(kept), self.kinship, self.encoding)


def _learners(settings: BoostSettings) -> tuple[BoostSettings, ...]:
    """The base learners: trees as they stand alone, and deeper ones, both in fewer rounds."""
    faster = replace(
        settings,
        rounds=max(round(settings.rounds / FASTER), 1),
        patience=max(round(settings.patience / FASTER), 1),
        learning_rate=settings.learning_rate * FASTER,
    )
    return faster, replace(faster, max_depth=faster.max_depth + DEEPER)


def _supported(folds: Sequence[FoldExamples], found: Sequence[Sequence[Float64]], context: Context) -> int:
    """Layers above the first: more must be better than fewer by `ERRORS` standard errors."""
    depth = min(len(each) for each in found)
    cutoff = np.unique(np.concatenate([fold.valid.labels.seeds.cutoff for fold in folds]), return_inverse=True)[1]
    losses = [
        np.concatenate(
            [
                row_losses(each[layer], fold.valid.target, context.kind, context.metric)
                for fold, each in zip(folds, found, strict=True)
            ]
        )
        for layer in range(depth)
    ]
    best = 0
    for layer in range(1, depth):
        change = losses[layer] - losses[best]
        error = _error(change, cutoff)
        log.info("stack: %d more layers change the loss of %d by %+.5f ± %.5f", layer, best, change.mean(), error)
        best = layer if change.mean() + ERRORS * error < 0 else best
    return best


def _error(change: Float64, cutoff: NDArray[np.int64]) -> float:
    """The standard error of the mean change [n]: by cutoffs, which vary together; not below that of rows: cutoffs may be few."""
    off = np.bincount(cutoff, change - change.mean())
    clusters = np.sqrt((off**2).sum() * len(off) / max(len(off) - 1, 1)) / len(change)
    return float(max(clusters, change.std() / np.sqrt(len(change))))
