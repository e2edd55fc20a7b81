"""What XGBoost is told, and what it is told by default."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rdl.task import Kind


@dataclass(frozen=True)
class BoostSettings:
    """What XGBoost is told; strong defaults for point-in-time features.

    Attributes:
        rounds: rounds a seed at most, each of one tree, or of one tree a class; what is used is chosen on folds.
        patience: rounds without a better score after which a fold stops.
        seeds: models that are averaged.
        columns: features that are kept at most, by their gain in a short fit on the earliest rows.
        half_life: years after which an older row weighs half, or None for equal weights.
    """

    rounds: int = 500
    patience: int = 60
    learning_rate: float = 0.03
    max_depth: int = 4
    min_child_weight: float = 30.0
    subsample: float = 0.7
    colsample_bytree: float = 0.15
    reg_lambda: float = 10.0
    max_bin: int = 64
    max_cat_to_onehot: int = 8
    seeds: int = 3
    threads: int = 2
    columns: int = 256
    half_life: float | None = 10.0


DEFAULTS: Mapping[Kind, BoostSettings] = {
    Kind.BINARY: BoostSettings(seeds=6),
    Kind.REGRESSION: BoostSettings(max_depth=3, min_child_weight=50.0, colsample_bytree=0.1, seeds=6),
    Kind.MULTICLASS: BoostSettings(rounds=170, patience=20, learning_rate=0.09, max_depth=3, min_child_weight=10.0),
    Kind.MULTILABEL: BoostSettings(rounds=250, patience=30, learning_rate=0.06, max_depth=3, min_child_weight=10.0),
}
"""What did best on forward-chained folds, by kind: shallower trees where the target is more than yes or no.

Among classes, faster learning in fewer rounds loses nothing that the folds could tell, and a round costs a tree a class.
"""

TREES = 2_000
"""Trees a seed at most, over all classes: where there are more, rounds are fewer and learn faster."""
FASTEST = 0.15
"""The learning rate is never raised above it."""
FEW = 8
"""Classes up to which several seeds are averaged; each class has trees of its own."""


def default_settings(kind: Kind, classes: int) -> BoostSettings:
    """The defaults of a kind, at a price that many classes do not multiply without bound."""
    settings = DEFAULTS.get(kind, DEFAULTS[Kind.BINARY])
    if not kind.classed:
        return settings
    faster = max(1.0, min(classes * settings.rounds / TREES, FASTEST / settings.learning_rate))
    return replace(
        settings,
        rounds=round(settings.rounds / faster),
        patience=round(settings.patience / faster),
        learning_rate=settings.learning_rate * faster,
        seeds=settings.seeds if classes <= FEW else 1,
    )


def with_rounds(settings: BoostSettings, rounds: int) -> BoostSettings:
    """The settings with the chosen number of rounds."""
    return replace(settings, rounds=rounds)
