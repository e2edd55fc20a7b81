"""Settings of the boosted trees that Optuna looks for, on the folds on which everything else is chosen; an extra, `rdl[tune]`.

The default and the portfolio come first, so Optuna learns from them and the default is always judged. What is left of the trials is
drawn by tree-structured Parzen estimators (Bergstra et al., 2011), seeded. Folds are fitted oldest first; a configuration that is
worse than half of those before it on the folds so far is given up. Of many tries one looks good by chance, so the best takes the
default's place only where it predicts later rows better by the standard errors that the portfolio asks for.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rdl.boost import BoostSettings
from rdl.boost.rounds import Curve, best_round, best_rounds
from rdl.errors import UsageError
from rdl.model.member import Context, FoldExamples
from rdl.model.portfolio import DEFAULT, ERRORS, SHARE, Trial, compared, portfolio

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

log = logging.getLogger(__name__)

Curves = Callable[[BoostSettings], Iterator[Curve]]

TUNED = "tuned"
RANGES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.01, 0.15),
    "max_depth": (2, 8),
    "min_child_weight": (2.0, 200.0),
    "subsample": (0.4, 1.0),
    "colsample_bytree": (0.03, 1.0),
    "reg_lambda": (0.1, 100.0),
}
"""Least and most of what is looked for; what the default and the portfolio are lies inside, too. Rounds follow from the folds."""
SETS: Mapping[str, tuple[float | None, ...]] = {"max_bin": (64, 256), "half_life": (2.5, 5.0, 10.0, 20.0, None)}
SEARCHED = (*RANGES, *SETS)
UNPRUNED = 4
"""Whole trials before any is given up."""


@dataclass(frozen=True)
class Tuning:
    """What was tried, for the choices that are kept with a model.

    Attributes:
        settings: of the configuration that was found, all that was looked for; nothing where the default stays.
        tried: configurations, the default among them.
        pruned: how many of them were given up before the last fold.
        change: how the loss of the best differs from the default's on the later rows: below 0 is better.
        error: the standard error of that difference; None where there are too few cutoffs to tell, and the default stays.
    """

    settings: Mapping[str, Any]
    tried: int
    pruned: int
    change: float
    error: float | None


def require_optuna() -> None:
    """Raises UsageError where Optuna is not installed."""
    if find_spec("optuna") is None:
        raise UsageError("tuning needs the package optuna, which is not installed", where="--tune", fix="pip install 'rdl[tune]'")


def tune(folds: Sequence[FoldExamples], context: Context, curves: Curves) -> tuple[Trial, Tuning]:
    """The default, or what of `context.settings.trials` configurations is clearly better on the folds.

    Args:
        folds: forward-chained; no other row is read.
        context: task, settings, and the seconds there are, of which trials take `SHARE` at most.
        curves: fits a configuration on one fold after the other, oldest first.
    """
    from optuna.trial import TrialState

    study, space = _study(context), search_space(context.boost)
    for settings in portfolio(context.boost).values():
        study.enqueue_trial({name: getattr(settings, name) for name in SEARCHED})
    whole: dict[int, list[Curve]] = {}
    started = time.monotonic()
    for number in range(max(1, context.settings.trials or 1)):
        spent = time.monotonic() - started
        if number and context.seconds is not None and spent * (1 + 1.5 / number) > SHARE * context.seconds:
            break
        trial = study.ask(space)
        found = _fitted(trial, curves(_told(context.boost, trial.params)), len(folds))
        if found is None:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, best_loss(found))
            whole[number] = found
    return _judged(study, whole, folds, context)


def search_space(settings: BoostSettings) -> "dict[str, BaseDistribution]":
    """What Optuna draws from around the default."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    known = list(portfolio(settings).values())
    space: dict[str, BaseDistribution] = {}
    for name, ends in RANGES.items():
        values = [*ends, *(getattr(s, name) for s in known)]
        if name == "max_depth":
            space[name] = IntDistribution(int(min(values)), int(max(values)))
        else:
            space[name] = FloatDistribution(min(values), max(values), log=name != "subsample")
    for name, members in SETS.items():
        space[name] = CategoricalDistribution(list(dict.fromkeys([*members, *(getattr(s, name) for s in known)])))
    return space


def best_loss(curves: Sequence[Curve]) -> float:
    """The mean loss of the folds so far at the round that is best for all of them."""
    return -best_round([c.scores for c in curves], [len(c.valid) for c in curves])[1]


def tuned_lines(choices: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What was tried and found, in words, from the members' choices that are kept with a model."""
    lines = []
    for name, choice in choices.items():
        if told := choice.get("tuning"):
            error = "too few cutoffs to tell" if told["error"] is None else f"± {told['error']:.4f}"
            change = f"{told['change']:+.4f} {error}"
            taken = f"the best is taken, loss {change}" if told["settings"] else f"none clearly better than the default ({change})"
            lines.append(f"  tuning   {name}: {told['tried']} configurations, {told['pruned']} given up early; {taken}")
            lines += [f"    {setting} = {value}" for setting, value in told["settings"].items()]
    return lines


def _study(context: Context) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=context.settings.seed)
    return optuna.create_study(sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED))


def _told(settings: BoostSettings, params: Mapping[str, Any]) -> BoostSettings:
    """The settings with what was drawn; trees that learn more slowly may be more."""
    slower = max(1.0, settings.learning_rate / params["learning_rate"])
    rounds, patience = round(settings.rounds * slower), round(settings.patience * slower)
    return replace(settings, rounds=rounds, patience=patience, **params)


def _fitted(trial: "optuna.Trial", curves: Iterator[Curve], folds: int) -> list[Curve] | None:
    """The curves of all folds, or nothing where the first of them are worse than most."""
    found: list[Curve] = []
    for curve in curves:
        found.append(curve)
        if len(found) < folds:
            trial.report(best_loss(found), len(found))
            if trial.should_prune():
                return None
    return found


def _judged(
    study: "optuna.Study", whole: Mapping[int, list[Curve]], folds: Sequence[FoldExamples], context: Context
) -> tuple[Trial, Tuning]:
    best = study.best_trial
    default, found = finished(DEFAULT, whole[0]), finished(TUNED, whole[best.number])
    change, error = compared(default, found, folds, context)
    taken = best.number > 0 and change + ERRORS * error < 0
    tried = len(study.trials) - sum(t.state.name == "WAITING" for t in study.trials)
    log.info("tuning: the best of %d configurations: loss %+.5f ± %.5f", tried, change, error)
    settings = {name: best.params[name] for name in SEARCHED} if taken else {}
    told = Tuning(settings, tried, tried - len(whole), change, error if math.isfinite(error) else None)
    return found if taken else default, told


def finished(name: str, curves: Sequence[Curve]) -> Trial:
    """The configuration at the round that is best on the folds."""
    rounds = best_rounds(curves)
    return Trial(name, rounds, [c.predict(rounds) for c in curves])
