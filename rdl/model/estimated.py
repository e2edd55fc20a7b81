"""Members that are learners of other libraries on the plan's features, by name; see `rdl.boost.estimators`."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdl.boost import with_rounds
from rdl.boost.estimators import ESTIMATORS, Estimator, FittedEstimator, Learned
from rdl.boost.rounds import best_round
from rdl.errors import ModelFileError
from rdl.features import Encoding
from rdl.model.boosted import Float64, encoded_matrix, learned_rows, settings_for, shaped_target
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member

log = logging.getLogger(__name__)

_FILE = "encoding.json"


@dataclass(frozen=True)
class FittedEstimated(FittedMember):
    """A learner, and the encoding of the features that it reads."""

    learner: FittedEstimator
    encoding: Encoding

    def predict(self, inputs: Prepared, source: Source) -> Float64:  # noqa: ARG002 - a member may need the graph
        """[n] probability or value, or [n, classes] probabilities."""
        return self.learner.predict(encoded_matrix(inputs.features, self.encoding, ()))

    def importance(self) -> dict[str, float]:
        """Share of each feature, where the learner knows it."""
        return self.learner.importance()

    def save(self, folder: Path) -> None:
        """Write what the learner writes, and the encoding as JSON."""
        self.learner.save(folder)
        (folder / _FILE).write_text(json.dumps(self.encoding.to_json()), encoding="utf-8")


class Estimated(Member):
    """One of `rdl.boost.estimators.ESTIMATORS`, which is fitted only where it is named."""

    optional = True

    def __init__(self, name: str) -> None:
        self.name, self.kinds = name, ESTIMATORS[name].kinds

    @property
    def estimator(self) -> Estimator:
        """The learner."""
        return ESTIMATORS[self.name]

    def require(self) -> None:
        """Raises UsageError where the library is not installed."""
        self.estimator.require()

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """The number of rounds that is best on the folds."""
        runs = []
        for i, fold in enumerate(folds):
            encoding = Encoding.fit(fold.train.inputs.features)
            rows, later = _learned(fold.train, encoding, context), _later(fold.valid, encoding, context)
            log.info("%s: fold %d of %d, %d rows", self.name, i + 1, len(folds), len(rows.matrix))
            runs.append(self.estimator.fold(rows, later, settings_for(fold.train, context.boost), context.settings.seed))
        rounds, _ = best_round([run.scores for run in runs], [len(fold.valid.target) for fold in folds])
        return {"rounds": rounds}, [run.predict(rounds) for run in runs]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedEstimated:
        """Fit the chosen number of rounds."""
        log.info("%s: fitting on %d rows", self.name, len(examples.target))
        encoding = Encoding.fit(examples.inputs.features)
        settings = settings_for(examples, with_rounds(context.boost, choice["rounds"]))
        fitted = self.estimator.fit(_learned(examples, encoding, context), settings, context.settings.seed)
        return FittedEstimated(fitted, encoding)

    def load(self, folder: Path) -> FittedEstimated:
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
            UsageError: the library is not installed.
        """
        try:
            encoding = Encoding.from_json(json.loads((folder / _FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error
        return FittedEstimated(self.estimator.load(folder), encoding)


def _learned(examples: Examples, encoding: Encoding, context: Context) -> Learned:
    matrix, target, weight = learned_rows(examples, encoding, (), context)
    order = np.argsort(np.concatenate([part.inputs.seeds.cutoff for part in (examples, *examples.between)]), kind="stable")
    weight = None if weight is None else weight[order]
    return Learned(matrix.rows(order), target[order], weight, context.kind, context.metric)


def _later(examples: Examples, encoding: Encoding, context: Context) -> Learned:
    matrix = encoded_matrix(examples.inputs.features, encoding, ())
    return Learned(matrix, shaped_target(examples, context), None, context.kind, context.metric)
