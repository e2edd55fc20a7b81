"""Why a model predicts what it predicts: the features that move one row's prediction most, in words.

The reasons are those of one member, the one with the largest weight among those that can tell; they say how this member comes to
its answer, not what would change if the world were otherwise.
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.errors import UsageError
from rdl.features import FeatureMatrix
from rdl.task import Kind
from rdl.task.task import Class

if TYPE_CHECKING:
    from rdl.model.fitted import Model
    from rdl.model.inputs import Batch


@dataclass(frozen=True)
class Reason:
    """What one feature adds.

    Attributes:
        feature: its name in the plan.
        words: what it is, in a sentence.
        value: of this row; None where it is null.
        effect: what it adds to the margin, in `Reasons.unit`.
    """

    feature: str
    words: str
    value: float | str | None
    effect: float

    def sentence(self) -> str:
        """For a reader: the effect, what it comes from, and its value."""
        value = "unknown" if self.value is None else f"{self.value:g}" if isinstance(self.value, float) else self.value
        return f"{self.effect:+.3f}  {self.words}: {value}"


@dataclass(frozen=True)
class Reasons:
    """Why one row is predicted so.

    Attributes:
        member: whose reasons these are.
        weight: of the member in the blend.
        unit: of the effects: "log-odds" of the answer, or "value".
        about: the class whose margin is explained, where there are classes.
        base: where the margin begins, before any feature.
        top: the reasons, the largest effect first.
        rest: what all other features add together.
    """

    member: str
    weight: float
    unit: str
    about: Class | None
    base: float
    top: tuple[Reason, ...]
    rest: float

    def first(self, most: int) -> "Reasons":
        """The same with the first `most` reasons; the others' effects are among the rest."""
        more = self.top[most:]
        return replace(self, top=self.top[:most], rest=self.rest + sum(reason.effect for reason in more)) if more else self

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"top": [asdict(reason) for reason in self.top]}


def explaining_member(model: "Model") -> str:
    """The member with the largest weight that knows what its features add.

    Raises:
        UsageError: none does.
    """
    telling = [name for name, member in model.fitted.items() if member.explains]
    if not telling:
        known = ", ".join(model.fitted)
        raise UsageError(
            f"the model of {model.task.name!r} gives no reasons",
            where=f"members {known}",
            fix="train it with the member features, or ask without reasons",
        )
    return max(telling, key=lambda name: model.weights.get(name, 0.0))


def reasons(model: "Model", batch: "Batch", most: int) -> list[Reasons]:
    """Why each row [n] of a prepared batch is predicted so, at most `most` features each.

    Raises:
        UsageError: see `explaining_member`.
    """
    name = explaining_member(model)
    said = {f.name: f.provenance or f.name for f in model.plan.features}
    found: list[Reasons | None] = [None] * batch.size
    for index, inputs in batch.parts:
        effects = model.fitted[name].contributions(inputs)
        names = model.fitted[name].feature_names
        for row, place in enumerate(index.tolist()):
            output = _output(model.task.kind, effects[row])
            about = model.task.classes[output] if model.task.kind.classed else None
            facts = (name, model.weights.get(name, 0.0), "value" if model.task.kind is Kind.REGRESSION else "log-odds", about)
            found[place] = _row(facts, effects[row, output], names, said, inputs.features, row, most)
    return [each for each in found if each is not None]


def _output(kind: Kind, effects: NDArray[np.float64]) -> int:
    """Which margin is explained: that of the likeliest class, where there are classes."""
    return int(effects.sum(axis=1).argmax()) if kind.classed else 0


def _row(
    facts: tuple[str, float, str, Class | None],
    effects: NDArray[np.float64],
    names: tuple[str, ...],
    said: dict[str, str],
    features: FeatureMatrix,
    row: int,
    most: int,
) -> Reasons:
    order = np.lexsort((np.arange(len(names)), -np.abs(effects[:-1])))[:most]
    kept = [int(i) for i in order if effects[i]]
    top = tuple(Reason(names[i], said.get(names[i], names[i]), _value(features, names[i], row), float(effects[i])) for i in kept)
    rest = float(effects[:-1].sum() - sum(reason.effect for reason in top))
    return Reasons(*facts, float(effects[-1]), top, rest)


def _value(features: FeatureMatrix, name: str, row: int) -> float | str | None:
    """What the row has of a feature."""
    if name in features.names:
        value = float(features.values[row, features.names.index(name)])
        return value if np.isfinite(value) else None
    column = features.category_names.index(name)
    code = int(features.codes[row, column])
    return features.levels[column][code] if code >= 0 else None
