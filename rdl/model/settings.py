"""What a fit is told, and what it chose."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rdl.boost import BoostSettings, Mixing
from rdl.boost.calibration import Calibration
from rdl.boost.ranking import RankSettings
from rdl.errors import UsageError, nearest
from rdl.features import FeaturePlan
from rdl.features.candidates import CandidatePlan
from rdl.gnn import GnnSettings
from rdl.model.uncertainty import Uncertainty

GROUPS: Mapping[str, tuple[str, ...]] = {
    "boost": ("entity", "features"),
    "gnn": ("sage",),
    "ranking": ("popular", "past", "ranked"),
    "baselines": ("entity", "typical", "last"),
}
MEMBERS = (
    *("entity", "features", "graphboost", "stacked", "sage", "relgnn", "embedded"),
    *("lightgbm", "catboost", "tabicl", "tabpfn"),
    *("typical", "last", "popular", "past", "ranked"),
)
"""Every member, in the order in which they are fitted and shown."""


@dataclass(frozen=True)
class FitSettings:
    """How to fit.

    Attributes:
        seed: every random number follows from it.
        budget_s: seconds of wall time that choosing and fitting may take; None for no limit.
        members: names of the members that enter the blend; () for all that answer the task's kind.
        folds: forward-chained blocks of time on which rounds, epochs and weights are chosen.
        rows: training rows at most, copies included; more are drawn, the newest cutoffs four times as readily as the oldest.
        lattices: over how many lattices of cutoffs, each moved by a part of the task's spacing, XGBoost
            learns yes or no, where rows allow.
        copies: staleness-matched copies of every training seed, where the regime asks for staleness.
        search: whether families and depth of the features are chosen on the folds, or all are kept; None: where there is a budget
            of time, for the whole plan is hard to beat.
        portfolio: whether configurations of XGBoost beside the default are tried on the folds, one after the other; None: where
            there is a budget of time, and `boost` is not given.
        trials: how many configurations of XGBoost Optuna tries on the folds, the portfolio among them; None for no tuning. With a
            budget they may be fewer. See `rdl.model.tuning`.
        blend_by: `horizon` lets the blend's weights differ with how old the database is at the cutoff, in horizons; the name of a
            categorical feature, with its value. By default they are the same for all.
        plan_depth: how many references features walk.
        boost: of XGBoost; by default what suits the task's kind.
        gnn: of the networks.
        ranking: of XGBoost where it ranks.
        intervals: how often intervals, or sets of classes, hold the truth, in place of the task's own levels.
        grades: how many grades of probabilities, or the boundaries between them, in place of the task's own.
    """

    seed: int = 0
    budget_s: float | None = None
    members: tuple[str, ...] = ()
    folds: int = 3
    rows: int = 40_000
    lattices: int = 3
    copies: int = 3
    search: bool | None = None
    portfolio: bool | None = None
    trials: int | None = None
    blend_by: str = ""
    plan_depth: int = 2
    boost: BoostSettings | None = None
    gnn: GnnSettings = field(default_factory=GnnSettings)
    ranking: RankSettings = field(default_factory=RankSettings)
    intervals: tuple[float, ...] | None = None
    grades: int | tuple[float, ...] | None = None

    @property
    def searches(self) -> bool:
        """Whether families and depth are chosen on the folds."""
        return self.budget_s is not None if self.search is None else self.search

    @property
    def tries_portfolio(self) -> bool:
        """Whether configurations of XGBoost beside the default are tried."""
        return self.budget_s is not None and self.boost is None if self.portfolio is None else self.portfolio


@dataclass(frozen=True)
class Choices:
    """What temporal folds decided; enough to refit at a later cutoff without choosing again.

    Attributes:
        plan: the features that were kept.
        weights: the blend, by member.
        members: per member, its own choices (rounds, epochs).
        out_of_fold: per member and for the blend, the task's metric on out-of-fold rows.
        rows: how many out-of-fold rows there were.
        candidates: of a recommendation, what may be ranked.
        trials: the smaller plans that were tried on the folds: see `rdl.model.search.Trial`.
        mixing: how members are mixed.
        calibration: what makes the blend's probabilities mean what they say; None where nothing needs to be done.
        uncertainty: what is said of how sure predictions are.
    """

    plan: FeaturePlan = field(repr=False)
    weights: Mapping[str, float]
    members: Mapping[str, Mapping[str, Any]]
    out_of_fold: Mapping[str, float]
    rows: int
    candidates: CandidatePlan | None = field(default=None, repr=False)
    trials: tuple[Mapping[str, Any], ...] = ()
    calibration: Calibration | None = None
    uncertainty: Uncertainty = field(default_factory=Uncertainty, repr=False)
    mixing: Mixing = field(default_factory=Mixing, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        candidates = self.candidates.to_json() if self.candidates else None
        told = replace(self, uncertainty=Uncertainty())
        uncertainty = self.uncertainty.to_json()
        return {**asdict(told), "uncertainty": uncertainty, "plan": self.plan.to_json(), "candidates": candidates}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Choices":
        """The choices that `to_json` wrote."""
        candidates = CandidatePlan.from_json(data["candidates"]) if data["candidates"] else None
        calibration = data.get("calibration")
        read = {
            "plan": FeaturePlan.from_json(data["plan"]),
            "candidates": candidates,
            "trials": tuple(data.get("trials", ())),
            "mixing": Mixing.from_json(data.get("mixing", {})),
            "calibration": Calibration.from_json(calibration) if calibration else None,
            "uncertainty": Uncertainty.from_json(data["uncertainty"]) if data.get("uncertainty") else Uncertainty(),
        }
        return Choices(**{**data, **read})


def resolve_members(names: Sequence[str]) -> tuple[str, ...]:
    """Member names from members and groups, in the registry's order.

    Raises:
        UsageError: a name is unknown, or none is given.
    """
    wanted: set[str] = set()
    for name in names:
        if name in GROUPS:
            wanted.update(GROUPS[name])
        elif name in MEMBERS:
            wanted.add(name)
        else:
            raise UsageError(f"unknown member {name!r}", where="--members", fix=nearest(name, [*MEMBERS, *GROUPS]))
    if not wanted:
        raise UsageError("no member named", where="--members", fix=f"choose from {', '.join([*MEMBERS, *GROUPS])}")
    return tuple(m for m in MEMBERS if m in wanted)
