"""Who passes the gate: on which labels contenders are judged, and what each check refuses."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from rdl.errors import ModelFileError, SchemaError, UnavailableError, UsageError
from rdl.mlops import GateSettings, decide, find_version
from rdl.mlops import gate as gate_room
from rdl.mlops.contender import Contender, aligned, held_out, labels_of, settings_of, settings_text
from rdl.mlops.registry import LOADS_BACK
from rdl.task import Kind, labels_at, mature_cutoffs
from rdl.timeline import DAY

GATE = GateSettings(resamples=100)
TRUTH = {}


@pytest.fixture(scope="module")
def end(database):
    return database.span[1] + 1


@pytest.fixture(scope="module")
def cutoffs(database, task, end):
    return mature_cutoffs(task, end, database.span)


class Knowing:
    """A stand-in for a model: predicts the label with a share of noise, the same for the same seeds."""

    def __init__(self, task, as_of, noise):
        self.task, self.as_of, self.noise, self.facts = task, as_of, noise, {"target_std": 1.0}
        self.asked = []

    def predict(self, database, seeds):
        self.asked.append(seeds)
        assert (seeds.cutoff >= self.as_of).all(), "asked about labels that it has seen"
        key = tuple(np.unique(seeds.cutoff))
        if key not in TRUTH:
            labels, _ = labels_at(database, self.task, np.array(key))
            TRUTH[key] = {(e, c): t for e, c, t in zip(labels.seeds.entity, labels.seeds.cutoff, labels.target, strict=True)}
        truth = TRUTH[key]
        target = np.array([truth[pair] for pair in zip(seeds.entity, seeds.cutoff, strict=True)])
        random = np.random.default_rng(0).random(len(seeds))
        return SimpleNamespace(prediction=(1 - self.noise) * target + self.noise * random)


def judged(database, task, end, challenger, champion, gate=GATE):
    return gate_room._compare(database, task, challenger, champion, end, gate)


@pytest.fixture
def contender(task, cutoffs):
    """A contender that was fitted before the last two cutoffs."""
    return lambda name, noise: Contender(name, Knowing(task, int(cutoffs[-2]), noise), None)


def test__compare__better_challenger__passes_and_says_by_how_much(database, task, end, contender, cutoffs):
    challenger, champion = contender("version 2", 0.3), contender("version 1", 0.95)
    passes, reason, comparison = judged(database, task, end, challenger, champion)
    assert passes
    assert reason.startswith("version 2 beats version 1: roc_auc ")
    assert "the margin is 0" in reason
    assert "version 1, fitted as of 2025-09-01, answers itself" in reason or "answers itself" in reason
    assert comparison.cutoffs == 2
    assert set(np.unique(challenger.model.asked[0].cutoff)) == set(cutoffs[-2:])


def test__compare__worse_or_equal__does_not_pass(database, task, end, contender):
    assert not judged(database, task, end, contender("version 2", 0.95), contender("version 1", 0.3))[0]
    passes, reason, _ = judged(database, task, end, contender("version 2", 0.9), contender("version 1", 0.9))
    assert not passes
    assert "does not beat" in reason
    lenient = dataclasses.replace(GATE, margin=-0.001)
    assert judged(database, task, end, contender("version 2", 0.9), contender("version 1", 0.9), lenient)[0]


def test__compare__gain_below_the_margin__does_not_pass(database, task, end, contender):
    strict = dataclasses.replace(GATE, margin=0.9)
    passes, reason, _ = judged(database, task, end, contender("version 2", 0.3), contender("version 1", 0.95), strict)
    assert not passes
    assert "the margin is 0.9" in reason


def test__compare__twice__decides_the_same(database, task, end, contender):
    found = [judged(database, task, end, contender("version 2", 0.6), contender("version 1", 0.7)) for _ in range(2)]
    assert found[0] == found[1]


def test__held_out__champion_has_seen_some__takes_those_it_has_not(database, task, end, cutoffs, contender):
    champion = contender("version 1", 0.5)
    assert held_out(database, task, champion, end, 3).tolist() == cutoffs[-2:].tolist()
    assert held_out(database, task, champion, end, 1).tolist() == cutoffs[-1:].tolist()
    newest = Contender("version 1", Knowing(task, end, 0.5), None)
    assert held_out(database, task, newest, end, 3).tolist() == cutoffs[-3:].tolist()


def test__compare__both_have_seen_all_and_have_the_same_settings__is_told_without_a_fit(database, task, end, small, monkeypatch):
    monkeypatch.setattr("rdl.model.fit_model", lambda *_, **__: pytest.fail("nothing needs to be fitted"))
    pair = [Contender(f"version {n}", Knowing(task, end, 0.5), small) for n in (2, 1)]
    passes, reason, _ = judged(database, task, end, *pair)
    assert not passes
    assert "nothing tells them apart" in reason
    assert judged(database, task, end, *pair, dataclasses.replace(GATE, margin=-0.01))[0]


def test__compare__challenger_has_seen_all__its_settings_answer_fitted_before(database, task, end, small, cutoffs, monkeypatch):
    fitted = []

    def fit(database, task, as_of, settings, *, held_out):
        fitted.append((as_of, settings, held_out))
        return Knowing(task, as_of, 0.3)

    monkeypatch.setattr("rdl.model.fit_model", fit)
    challenger, champion = (
        Contender("version 2", Knowing(task, end, 0.3), small),
        Contender("version 1", Knowing(task, end, 0.3), None),
    )
    passes, reason, _ = judged(database, task, end, challenger, champion)
    assert not passes
    assert "its settings are not known" in reason
    other = dataclasses.replace(champion, settings=dataclasses.replace(small, seed=1))
    _, reason, _ = judged(database, task, end, challenger, other)
    assert [f[0] for f in fitted[-2:]] == [int(cutoffs[-3])] * 2
    assert "the settings of version 2, fitted as of" in reason


def test__compare__champion_is_younger_than_the_night__stays(database, task, end, contender):
    champion = Contender("version 9", Knowing(task, end, 0.9), None)
    challenger = Contender("version 2", Knowing(task, end - 90 * DAY, 0.1), None)
    passes, reason, _ = judged(database, task, end - 60 * DAY, challenger, champion)
    assert not passes
    assert "later than the challenger" in reason


def test__compare__champion_of_another_question_or_dumb__gives_way(database, task, end, contender):
    other = contender("version 1", 0.1)
    other.model.task = dataclasses.replace(task, kind=Kind.REGRESSION, metric="mae")
    assert judged(database, task, end, contender("version 2", 0.9), other)[:2] == (
        True,
        "the champion, version 1, answers another question",
    )

    class Dumb(Knowing):
        def predict(self, database, seeds):
            raise SchemaError("orders.amount is gone")

    dumb = Contender("version 1", Dumb(task, other.model.as_of, 0.1), None)
    passes, reason, _ = judged(database, task, end, contender("version 2", 0.9), dumb)
    assert passes
    assert "orders.amount is gone" in reason


def test__labels_of__too_many__are_drawn_by_whole_entities(database, task, cutoffs):
    whole = labels_of(database, task, cutoffs[-3:], 10_000, 0)
    part = labels_of(database, task, cutoffs[-3:], 40, 0)
    assert 0 < len(part) <= 40 + 2
    kept = np.isin(whole.seeds.entity, part.seeds.entity)
    assert kept.sum() == len(part)
    assert (labels_of(database, task, cutoffs[-3:], 40, 0).seeds.entity == part.seeds.entity).all()


def test__aligned__classes_of_another_order__come_to_their_places(task):
    asked = dataclasses.replace(task, kind=Kind.MULTICLASS, classes=("a", "b", "c"))
    model = SimpleNamespace(task=dataclasses.replace(asked, classes=("c", "a")))
    assert aligned(asked, model, np.array([[0.7, 0.3]])).tolist() == [[0.3, 0.0, 0.7]]


def test__settings__text__comes_back(small):
    from rdl.model import FitSettings

    for settings in (small, FitSettings(), FitSettings(intervals=(0.5, 0.9), grades=(0.1, 0.2), members=("features",))):
        assert settings_of({"rdl.settings": settings_text(settings)}) == settings
    assert settings_of({}) is None
    assert settings_of({"rdl.settings": '{"seed": 0, "gnn": {}, "colour": "blue"}'}) is None


def test__gate_settings__nonsense__is_refused():
    for wrong in (
        {"confidence": 0.2},
        {"confidence": 1.0},
        {"cutoffs": 0},
        {"resamples": 0},
        {"margin": -np.inf},
        {"margin": np.nan},
    ):
        with pytest.raises(UsageError, match="no gate can be set so"):
            GateSettings(**wrong)


def test__decide__leak__stops_before_the_comparison(project, database, task, champion, end, monkeypatch):
    found = SimpleNamespace(passes=False, sentence=lambda: "leaks: features changes 7 of 60 predictions")
    monkeypatch.setattr(gate_room, "audit", lambda *_, **__: found)
    decision = decide(project, database, task, find_version(project, "churn"), None, end, GATE)
    assert not decision.passes
    assert decision.reason == "leaks: features changes 7 of 60 predictions"
    assert [check.name for check in decision.checks] == ["loads", "audit"]


def test__decide__store_away_when_the_champion_is_asked_for__decides_nothing(project, database, task, champion, end, monkeypatch):
    version, real = find_version(project, "churn"), gate_room.load_version
    holder = dataclasses.replace(version, number="7")

    def load(of, which):
        if which is holder:
            raise error
        return real(of, which)

    monkeypatch.setattr(gate_room, "audit", lambda *_, **__: SimpleNamespace(passes=True, sentence=lambda: "fine"))
    monkeypatch.setattr(gate_room, "load_version", load)
    error = UnavailableError("the tracking server does not answer now")
    with pytest.raises(UnavailableError):
        decide(project, database, task, version, holder, end, GATE)
    error = ModelFileError("manifest.json: another version of rdl")
    assert decide(project, database, task, version, holder, end, GATE).passes, "a champion that cannot answer is in nobody's way"


def test__decide__does_not_load__stops_at_once(project, database, task, champion, end, monkeypatch):
    version = find_version(project, "churn")
    unproved = dataclasses.replace(version, tags={**version.tags, LOADS_BACK: "older code"})

    def refuse(*_):
        raise ModelFileError("the logged model does not load in a clean process: no module named x")

    monkeypatch.setattr(gate_room, "check_loads_back", refuse)
    decision = decide(project, database, task, unproved, None, end, GATE)
    assert [check.name for check in decision.checks] == ["loads"]
    assert "no module named x" in decision.reason


@pytest.mark.slow
def test__decide__two_real_versions__are_fitted_anew_and_the_decision_repeats(copy, database, task, small, end):
    from rdl.boost import BoostSettings
    from rdl.mlops import log_run, promote, register
    from rdl.model import fit_model

    trees = {"seeds": 1, "threads": 1, "min_child_weight": 1.0}
    blind = dataclasses.replace(small, boost=BoostSettings(rounds=1, learning_rate=1e-6, **trees))
    seeing = dataclasses.replace(small, boost=BoostSettings(rounds=40, learning_rate=0.3, **trees))
    runs = [log_run(copy, database, task, fit_model(database, task, end, s), settings=s) for s in (blind, seeing)]
    made = [register(copy, task, run) for run in runs]
    assert promote(copy, database, task, made[0], force="to have somebody to beat").promoted
    decisions = [decide(copy, database, task, made[1], made[0], end, GATE) for _ in range(2)]
    assert decisions[0] == decisions[1]
    assert decisions[0].comparison.cutoffs == 3
    assert decisions[0].passes == (decisions[0].comparison.low > 0)
    assert decisions[0].comparison.challenger != decisions[0].comparison.champion
    assert "the settings of version 2, fitted as of" in decisions[0].reason
    assert promote(copy, database, task, made[1], gate=GATE).promoted == decisions[0].passes
