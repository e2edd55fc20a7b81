"""Members that are XGBoost on the plan's features: all of them (`features`), or the entity's own columns (`entity`)."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rdl.boost import BoostSettings, FittedBoost, Matrix, fit_boost, learning_curve, recency_weight, with_rounds
from rdl.boost.rounds import Curve
from rdl.features import Encoding, FeatureMatrix
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member
from rdl.model.portfolio import DEFAULT, best_of, portfolio
from rdl.model.tuning import finished, tune
from rdl.task import Kind

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class FittedBoosted(FittedMember):
    """Boosters, and the encoding of the features that they read."""

    boost: FittedBoost
    encoding: Encoding
    families: tuple[str, ...]

    def predict(self, inputs: Prepared, source: Source) -> Float64:  # noqa: ARG002 - a member may need the graph; trees do not
        """[n] probability or value, or [n, classes] probabilities."""
        return self.boost.predict(encoded_matrix(inputs.features, self.encoding, self.families))

    def importance(self) -> dict[str, float]:
        """Share of total gain by feature."""
        return self.boost.importance()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features that the trees may read."""
        return self.boost.names

    def contributions(self, inputs: Prepared) -> Float64:
        """[n, outputs, m + 1] what each feature adds to each margin, and last where the margin begins."""
        return self.boost.contributions(encoded_matrix(inputs.features, self.encoding, self.families))

    def save(self, folder: Path) -> None:
        """Write trees as UBJSON, the encoding and the families as JSON."""
        self.boost.save(folder)
        facts = {"encoding": self.encoding.to_json(), "families": self.families}
        (folder / "encoding.json").write_text(json.dumps(facts), encoding="utf-8")


OWN = ("static", "calendar")
"""The families that describe the entity itself: the columns of its row and its parents', and the date."""


class Boosted(Member):
    """XGBoost on some families of features; no families means all."""

    def __init__(self, name: str, families: tuple[str, ...] = (), *, baseline: bool = False) -> None:
        self.name, self.families, self.baseline = name, families, baseline

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """The number of rounds whose mean over the folds is best; of the configurations that there is time for, the best."""

        def curves(told: BoostSettings) -> Iterator[Curve]:
            return self._curves(folds, told_by(context, told))

        tuning: Choice = {}
        if context.settings.trials is not None and not self.families:
            chosen, told = tune(folds, context, curves)
            tuning = {"tuning": asdict(told)}
        else:
            chosen = best_of(folds, context, lambda name, told: finished(name, [*curves(told)]), others=not self.families)
        log.info("%s: %d rounds are best on the folds, %s", self.name, chosen.rounds, chosen.name)
        return {"rounds": chosen.rounds, "configuration": chosen.name, **tuning}, chosen.predictions

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedBoosted:
        """Fit the chosen number of rounds, several seeds."""
        log.info("%s: fitting %d rounds on %d rows", self.name, choice["rounds"], len(examples.target))
        context = told_by(context, _chosen(context.boost, choice))
        encoding = Encoding.fit(examples.inputs.features)
        matrix, target, weight = learned_rows(examples, encoding, self.families, context)
        settings = settings_for(examples, with_rounds(context.boost, choice["rounds"]))
        boost = fit_boost(matrix, target, context.kind, context.metric, settings, context.settings.seed, weight)
        return FittedBoosted(boost, encoding, self.families)

    def load(self, folder: Path) -> FittedBoosted:
        """Read what `save` wrote."""
        facts = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
        return FittedBoosted(FittedBoost.load(folder), Encoding.from_json(facts["encoding"]), tuple(facts["families"]))

    def _curves(self, folds: Sequence[FoldExamples], context: Context) -> Iterator[Curve]:
        """One configuration on one fold after the other."""
        for i, fold in enumerate(folds):
            log.info("%s: fold %d of %d, %d rows", self.name, i + 1, len(folds), len(fold.train.target))
            encoding = Encoding.fit(fold.train.inputs.features)
            matrix, target, weight = learned_rows(fold.train, encoding, self.families, context)
            valid = encoded_matrix(fold.valid.inputs.features, encoding, self.families), shaped_target(fold.valid, context)
            kind, metric, seed = context.kind, context.metric, context.settings.seed
            settings = settings_for(fold.train, context.boost)
            yield learning_curve((matrix, target), valid, kind, metric, settings, seed, weight)


def _chosen(settings: BoostSettings, choice: Choice) -> BoostSettings:
    """The settings of the configuration that was chosen."""
    if tuned := choice.get("tuning", {}).get("settings"):
        return replace(settings, **tuned)
    return portfolio(settings)[choice.get("configuration", DEFAULT)]


def told_by(context: Context, settings: BoostSettings) -> Context:
    """The same with other settings of XGBoost."""
    return replace(context, settings=replace(context.settings, boost=settings))


def settings_for(examples: Examples, settings: BoostSettings) -> BoostSettings:
    """The settings for the examples and those between: where windows overlap k times, k times the rows say as little as one."""
    return replace(settings, min_child_weight=settings.min_child_weight * (1 + len(examples.between)))


def learned_rows(
    examples: Examples, encoding: Encoding, families: tuple[str, ...], context: Context
) -> tuple[Matrix, Float64, Float64 | None]:
    """Matrix, target and weights of the examples and of those between their cutoffs."""
    parts = (examples, *examples.between)
    matrix = Matrix.concat([encoded_matrix(part.inputs.features, encoding, families) for part in parts])
    target = np.concatenate([shaped_target(part, context) for part in parts])
    weight = recency_weight(np.concatenate([part.inputs.seeds.cutoff for part in parts]), context.boost.half_life)
    return matrix, target, weight


def shaped_target(examples: Examples, context: Context) -> Float64:
    """[n, …] the target in the shape of its predictions: places of classes become [n, classes] of 0 and 1."""
    if context.kind is not Kind.MULTICLASS:
        return examples.target
    return np.asarray(examples.target[:, None] == np.arange(len(context.source.task.classes)), dtype=np.float64)


def encoded_matrix(features: FeatureMatrix, encoding: Encoding, families: tuple[str, ...]) -> Matrix:
    """The encoded columns of `families`, of all where none is named."""
    encoded = encoding.transform(features)
    matrix = Matrix(encoded.values, encoded.names, tuple(bool(c) for c in encoded.categorical))
    if not families:
        return matrix
    of = (*features.families, *features.category_families)
    return matrix.columns([i for i, family in enumerate(of) if family in families])
