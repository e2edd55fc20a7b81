"""A member that is graph-boosted XGBoost: trees on all features, fitted through the smoothing of their margins over related rows.

How much is smoothed, over whom, how far and for how long, whether kin's labels are features and whether boosting has momentum is
chosen on the folds, nothing of it being the first candidate. What is fitted keeps the margins and labels of its training rows: they
are what later rows learn from.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rdl.boost import BoostSettings, with_rounds
from rdl.boost.boosters import load_boosters, save_boosters, total_gain
from rdl.boost.losses import loss_of
from rdl.boost.momentum import settled
from rdl.boost.rounds import best_round
from rdl.boost.smoothed import margins
from rdl.errors import ModelFileError
from rdl.features import Encoding
from rdl.model.boosted import encoded_matrix, settings_for, shaped_target
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.kindred import FoldKindred, Kindred, with_labels
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
STEPS = (3,)
"""How often the mean is taken, where not once."""
SHARES = (3.0, 0.33)
"""What the entity's own rows count where each other path counts 1; by default all count alike."""
SHORT_RATE = 0.1
"""How fast the walk's fits learn."""
WALK_SHARE = 0.4
"""Of the time there is, what the walk may take before it stops where it is."""
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
        label: [n, k] their labels.
        kinship: whom rows learn from.
        encoding, settings, kind, names: of the features, the trees, the task, and the matrix's columns.
        shape: what one prediction looks like: (), or (classes,).
    """

    boosters: "tuple[Booster, ...]"
    start: Float64
    nodes: Nodes
    margin: Float64
    label: Float64
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
        nodes = Nodes.concat((self.nodes, later))
        matrix, smoothing = with_labels(matrix, nodes, self.label, self.kinship), nodes.smoothing(self.kinship)
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
        for k, column in enumerate(self.label.T):
            table = table.append_column(f"label_{k}", pa.array(column))
        pq.write_table(table, folder / _NODES)


class Smoothed(Member):
    """Graph-boosted XGBoost on all features."""

    def __init__(self, name: str, *, optional: bool = False) -> None:
        self.name, self.optional = name, optional

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """Strength, paths, reach, steps and the rest by a walk of short fits, and then the rounds of the best at full length."""
        paths = known_paths(folds[0].train, context.source, KIN)
        ends = None if context.seconds is None else time.monotonic() + WALK_SHARE * context.seconds
        short = [FoldKindred.of(_without_between(fold), paths, context, _faster(context.boost)) for fold in folds]
        tried: dict[Kinship, float] = {}

        def worth(kinship: Kinship) -> float:
            if kinship not in tried and (not tried or ends is None or time.monotonic() < ends):
                tried[kinship] = self._try(short, kinship, context)[0]
                log.info("%s: %s: loss %.5f on the folds", self.name, _says(kinship, context), tried[kinship])
            return tried.get(kinship, np.inf)

        best = walk(paths, float(context.source.task.window), worth)
        whole = [FoldKindred.of(fold, best.paths, context, context.boost) for fold in folds]
        _, rounds, predictions = self._try(whole, best, context)
        log.info("%s: %s and %d rounds are best on the folds", self.name, _says(best, context), rounds)
        return {"rounds": rounds, "kinship": asdict(best)}, predictions

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedSmoothed:
        """Fit the chosen number of rounds, several seeds."""
        log.info("%s: fitting %d rounds on %d rows", self.name, choice["rounds"], len(examples.target))
        kinship = Kinship.from_json(choice["kinship"])
        rows = Kindred.of(examples, kinship.paths, context)
        settings = settings_for(examples, with_rounds(context.boost, choice["rounds"]))
        seeds = range(context.settings.seed, context.settings.seed + settings.seeds)
        fits = [rows.fit(kinship, settings, seed) for seed in seeds]
        boosters = tuple(settled(b, settings.rounds, momentum=kinship.momentum) for b, _, _ in fits)
        kept, start, matrix = np.flatnonzero(rows.nodes.source), fits[0][1], rows.read(kinship)
        margin = np.stack([margins(b, start, matrix.rows(kept), settings.threads) for b in boosters])
        shape = shaped_target(examples, context).shape[1:]
        told = kinship, rows.encoding, settings, context.kind, shape, matrix.names
        return FittedSmoothed(boosters, start, rows.nodes.rows(kept), margin, rows.target[kept], *told)

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
            label = np.stack([table[f"label_{k}"].to_numpy() for k in range(shape[2])], axis=1)
            nodes = Nodes.from_table(table, kinship.paths)
            encoding, settings = Encoding.from_json(facts["encoding"]), BoostSettings(**facts["settings"])
            kind, names = Kind(facts["kind"]), tuple(facts["names"])
            told = kinship, encoding, settings, kind, tuple(facts["shape"]), names
            return FittedSmoothed(boosters, start, nodes, margin, label, *told)
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error

    def _try(self, folds: Sequence[FoldKindred], kinship: Kinship, context: Context) -> tuple[float, int, list[Float64]]:
        """The mean loss of the folds' later rows, the rounds at which it is least, and their predictions by so many rounds."""
        runs = [fold.fit(kinship, context.settings.seed) for fold in folds]
        rounds, score = best_round([-np.array(run.history) for run in runs], [len(fold.target) for fold in folds])
        return -score, rounds, [run.predict(rounds) for run in runs]


def walk(paths: Sequence[str], horizon: float, worth: Callable[[Kinship], float]) -> Kinship:
    """The best kinship of a walk from one candidate to the next, each where the one before is better than none.

    Args:
        paths: the entity's own, and others, the most telling first.
        horizon: of the task, microseconds.
        worth: the loss of a candidate, inf where it was not tried.
    """
    tau = HORIZONS[0] * horizon
    best = min((Kinship(), *(Kinship((ENTITY,), b, tau) for b in STRENGTHS)), key=worth)
    start = best if best.strength else Kinship((ENTITY,), STRENGTHS[0], tau)
    best = min((best, *(replace(start, paths=tuple(paths[: i + 1])) for i in range(1, len(paths)))), key=worth)
    if best.strength:
        best = min((best, *(replace(best, tau=h * horizon) for h in HORIZONS[1:])), key=worth)
        best = min((best, *(replace(best, steps=s) for s in STEPS)), key=worth)
    if best.strength and len(best.paths) > 1:
        others = len(best.paths) - 1
        best = min((best, *(replace(best, shares=(own, *(1.0,) * others)) for own in SHARES)), key=worth)
    labelled = best if best.paths else Kinship(tuple(paths), 0.0, tau)
    best = min((best, replace(labelled, labels=True)), key=worth)
    return min((best, replace(best, momentum=True)), key=worth)


def _faster(settings: BoostSettings) -> BoostSettings:
    """Short fits: faster learning in fewer rounds, for candidates are many."""
    factor = max(1.0, SHORT_RATE / settings.learning_rate)
    rounds, patience = (max(round(n / factor), 1) for n in (settings.rounds, settings.patience))
    return replace(settings, rounds=rounds, patience=patience, learning_rate=settings.learning_rate * factor)


def _without_between(fold: FoldExamples) -> FoldExamples:
    """The fold at the task's own cutoffs."""
    return replace(fold, train=replace(fold.train, between=()))


def _says(kinship: Kinship, context: Context) -> str:
    if not kinship.paths:
        return "no smoothing" + (", momentum" if kinship.momentum else "")
    who = " and ".join(path or "the entity's own rows" for path in kinship.paths)
    extras = [f"{kinship.steps} steps"] if kinship.steps > 1 else []
    extras += [f"shares {', '.join(f'{s:g}' for s in kinship.shares)}"] if kinship.shares else []
    extras += [name for name in ("labels", "momentum") if getattr(kinship, name)]
    reach = f"smoothing {kinship.strength:g} over {who} within {kinship.tau / context.source.task.window:g} horizons"
    return ", ".join((reach, *extras))
