"""A member that is graph-boosted XGBoost: trees on all features, fitted through the smoothing of their margins over related rows.

How much is smoothed, over whom and for how long is chosen on the folds, no smoothing being the first candidate. What is fitted
keeps the margins of its training rows: they are what later rows learn from.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rdl.boost import BoostSettings, Matrix, with_rounds
from rdl.boost.boosters import load_boosters, save_boosters, total_gain
from rdl.boost.losses import loss_of
from rdl.boost.rounds import best_round
from rdl.boost.smoothed import Watched, fit_smoothed, margins
from rdl.errors import ModelFileError
from rdl.features import Encoding
from rdl.model.boosted import encoded_matrix, learned_rows, settings_for, shaped_target
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member
from rdl.model.related import ENTITY, Kinship, Nodes, known_paths, nodes_of
from rdl.task import Kind

if TYPE_CHECKING:
    from rdl.boost.boosters import Booster

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]

STRENGTHS = (0.4, 0.8)
HORIZONS = (12, 3, 48)
"""Half of what a row learns from is at most so many horizons old, or a little more; the first is where the search begins."""
KIN = 2
"""Last parents and categories whose groups may be learned from, at most."""
_FILE, _NODES = "smoothed.json", "nodes.parquet"


@dataclass(frozen=True)
class FittedSmoothed(FittedMember):
    """Boosters of several seeds, the rows that they were fitted on as later rows see them, and these rows' margins.

    Attributes:
        start: where the margins begin [k].
        nodes: the n training rows that may be learned from.
        margin: [seeds, n, k] their margins.
        kinship: whom rows learn from.
        encoding, settings, kind, names: of the features, the trees, the task, and the matrix's columns.
        shape: what one prediction looks like: (), or (classes,).
    """

    boosters: "tuple[Booster, ...]"
    start: Float64
    nodes: Nodes
    margin: Float64
    kinship: Kinship
    encoding: Encoding
    settings: BoostSettings
    kind: Kind
    shape: tuple[int, ...]
    names: tuple[str, ...]

    def predict(self, inputs: Prepared, source: Source) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        matrix = encoded_matrix(inputs.features, self.encoding, ())
        later = nodes_of(inputs, source, self.kinship.paths, sources=False)
        smoothing = Nodes.concat((self.nodes, later)).smoothing(self.kinship)
        finish = loss_of(self.kind, "", self.start).finish
        found = []
        for booster, known in zip(self.boosters, self.margin, strict=True):
            whole = np.concatenate([known, margins(booster, self.start, matrix, self.settings.threads)])
            found.append(finish(smoothing.push(whole)[len(known) :]))
        return np.mean(found, axis=0).reshape(len(matrix), *self.shape)

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature."""
        return total_gain(self.boosters, self.names)

    def save(self, folder: Path) -> None:
        """Write trees as UBJSON, the training rows as Parquet, the rest as JSON."""
        facts = {
            "start": self.start.tolist(),
            "kinship": asdict(self.kinship),
            "encoding": self.encoding.to_json(),
            "settings": asdict(self.settings),
            "kind": self.kind.value,
            "shape": self.shape,
            "names": self.names,
        }
        save_boosters(folder, _FILE, self.boosters, facts)
        table = self.nodes.to_table()
        for s, k in np.ndindex(self.margin.shape[0], self.margin.shape[2]):
            table = table.append_column(f"margin_{s}_{k}", pa.array(self.margin[s, :, k]))
        pq.write_table(table, folder / _NODES)


class Smoothed(Member):
    """Graph-boosted XGBoost on all features."""

    def __init__(self, name: str, *, optional: bool = False) -> None:
        self.name, self.optional = name, optional

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """Strength, reach and paths by a walk from one candidate to the next, each where the one before is better than none."""
        paths = known_paths(folds[0].train, context.source, KIN)
        tried: dict[Kinship, tuple[float, int, list[Float64]]] = {}

        def worth(kinship: Kinship) -> float:
            if kinship not in tried:
                tried[kinship] = self._try(folds, kinship, context)
                log.info("%s: %s: loss %.5f on the folds", self.name, _says(kinship, context), tried[kinship][0])
            return tried[kinship][0]

        best = min((Kinship(), *(Kinship((ENTITY,), b, self._tau(HORIZONS[0], context)) for b in STRENGTHS)), key=worth)
        start = best if best.strength else Kinship((ENTITY,), STRENGTHS[0], self._tau(HORIZONS[0], context))
        best = min((best, *(replace(start, paths=paths[: i + 1]) for i in range(1, len(paths)))), key=worth)
        if best.strength:
            best = min((best, *(replace(best, tau=self._tau(h, context)) for h in HORIZONS[1:])), key=worth)
        _, rounds, predictions = tried[best]
        log.info("%s: %s and %d rounds are best on the folds", self.name, _says(best, context), rounds)
        return {"rounds": rounds, "kinship": asdict(best)}, predictions

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedSmoothed:
        """Fit the chosen number of rounds, several seeds."""
        log.info("%s: fitting %d rounds on %d rows", self.name, choice["rounds"], len(examples.target))
        kinship = Kinship.from_json(choice["kinship"])
        rows = _Rows.of(examples, kinship, context)
        settings = settings_for(examples, with_rounds(context.boost, choice["rounds"]))
        seeds = range(context.settings.seed, context.settings.seed + settings.seeds)
        fits = [rows.fit(settings, seed) for seed in seeds]
        kept = np.flatnonzero(rows.nodes.source)
        margin = np.stack([margins(b, start, rows.matrix.rows(kept), settings.threads) for b, start, _ in fits])
        return FittedSmoothed(
            tuple(b for b, _, _ in fits),
            fits[0][1],
            rows.nodes.rows(kept),
            margin,
            kinship,
            rows.encoding,
            settings,
            context.kind,
            shaped_target(examples, context).shape[1:],
            rows.matrix.names,
        )

    def load(self, folder: Path) -> FittedSmoothed:
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        boosters, facts = load_boosters(folder, _FILE)
        try:
            table = pq.read_table(folder / _NODES)
            kinship, start = Kinship.from_json(facts["kinship"]), np.array(facts["start"])
            shape = (len(boosters), len(table), len(start))
            columns = [table[f"margin_{s}_{k}"].to_numpy() for s, k in np.ndindex(shape[0], shape[2])]
            margin = np.moveaxis(np.array(columns).reshape(shape[0], shape[2], shape[1]), 1, 2)
            nodes = Nodes.from_table(table, kinship.paths)
            encoding, settings = Encoding.from_json(facts["encoding"]), BoostSettings(**facts["settings"])
            kind, names = Kind(facts["kind"]), tuple(facts["names"])
            return FittedSmoothed(boosters, start, nodes, margin, kinship, encoding, settings, kind, tuple(facts["shape"]), names)
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error

    def _try(self, folds: Sequence[FoldExamples], kinship: Kinship, context: Context) -> tuple[float, int, list[Float64]]:
        """The mean loss of the folds' later rows, the rounds at which it is least, and their predictions by so many rounds."""
        runs = [_Fold.of(fold, kinship, context) for fold in folds]
        rounds, score = best_round([-np.array(run.history) for run in runs], [len(run.watched.target) for run in runs])
        return -score, rounds, [run.predict(rounds) for run in runs]

    @staticmethod
    def _tau(horizons: int, context: Context) -> float:
        return float(horizons * context.source.task.window)


@dataclass(frozen=True)
class _Rows:
    """Training rows as a fit reads them."""

    matrix: Matrix
    target: Float64
    weight: Float64
    nodes: Nodes
    kinship: Kinship
    encoding: Encoding
    metric: str
    kind: Kind

    @staticmethod
    def of(examples: Examples, kinship: Kinship, context: Context) -> "_Rows":
        encoding = Encoding.fit(examples.inputs.features)
        matrix, target, weight = learned_rows(examples, encoding, (), context)
        nodes = [nodes_of(part.inputs, context.source, kinship.paths, sources=True) for part in (examples, *examples.between)]
        return _Rows(
            matrix,
            target.reshape(len(target), -1),
            np.ones(len(target)) if weight is None else weight,
            Nodes.concat(nodes),
            kinship,
            encoding,
            context.metric,
            context.kind,
        )

    def fit(self, settings: BoostSettings, seed: int, watched: Watched | None = None) -> "tuple[Booster, Float64, list[float]]":
        """See `fit_smoothed`."""
        loss, smoothing = loss_of(self.kind, self.metric, self.target), self.nodes.smoothing(self.kinship)
        return fit_smoothed(self.matrix, self.target, smoothing, loss, settings, seed, self.weight, watched)


@dataclass(frozen=True)
class _Fold:
    """One fold, fitted: every round's loss on its later rows."""

    rows: _Rows
    watched: Watched
    booster: "Booster"
    start: Float64
    history: list[float]
    shape: tuple[int, ...]
    threads: int

    @staticmethod
    def of(fold: FoldExamples, kinship: Kinship, context: Context) -> "_Fold":
        rows = _Rows.of(fold.train, kinship, context)
        valid, target = fold.valid.inputs, shaped_target(fold.valid, context)
        later = nodes_of(valid, context.source, kinship.paths, sources=False)
        smoothing = Nodes.concat((rows.nodes, later)).smoothing(kinship)
        watched = Watched(encoded_matrix(valid.features, rows.encoding, ()), target.reshape(len(target), -1), smoothing)
        settings = settings_for(fold.train, context.boost)
        booster, start, history = rows.fit(settings, context.settings.seed, watched)
        return _Fold(rows, watched, booster, start, history, target.shape[1:], settings.threads)

    def predict(self, rounds: int) -> Float64:
        """[n, …] predictions of the later rows by the first `rounds` rounds."""
        parts = (self.rows.matrix, self.watched.matrix)
        whole = np.concatenate([margins(self.booster, self.start, part, self.threads, rounds) for part in parts])
        z = self.watched.smoothing.push(whole)[len(self.rows.matrix) :]
        finish = loss_of(self.rows.kind, self.rows.metric, self.rows.target).finish
        return finish(z).reshape(len(z), *self.shape)


def _says(kinship: Kinship, context: Context) -> str:
    if not kinship.strength:
        return "no smoothing"
    who = ", ".join(path or "the entity's own rows" for path in kinship.paths)
    return f"smoothing {kinship.strength:g} over {who} within {kinship.tau / context.source.task.window:g} horizons"
