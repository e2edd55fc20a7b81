"""Training learns what is in the graph, repeats itself exactly, resumes exactly and keeps its budget."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import rdl.gnn.train
from rdl.errors import ModelFileError, TaskError
from rdl.gnn import fit_gnn
from rdl.task import History, Kind
from rdl.timeline import DAY
from tests.gnn.shops import CLASSES, CUTOFF, SMALL, USERS, make_shops


def fit(world, *, settings=SMALL, kind=Kind.BINARY, seed=0, valid=True, **more):
    train, rest = world.halves()
    more["classes"] = CLASSES[kind]
    return fit_gnn(world.store, kind, "users", train, rest if valid else None, settings, seed, **more)


def judged(fitted, world, labels, **more):
    """The score of a network's predictions, larger is better; and that of what it would say of everyone before training."""
    found, answer = fitted.predict(world.store, labels.seeds, **more), fitted.plan.answer
    prior = answer.finish(torch.from_numpy(answer.base())[None]).numpy()
    return answer.score(labels.target, found), answer.score(labels.target, np.repeat(prior, len(labels), axis=0))


def same_weights(one, other):
    return all(same_tensors(a, b) for a, b in zip(one.networks, other.networks, strict=True))


def same_tensors(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test__two_hop_signal__learned_only_where_the_edge_is():
    found = {}
    for cut in (False, True):
        world = make_shops(cut=cut)
        _, rest = world.halves()
        found[cut], _ = judged(fit(world, settings=replace(SMALL, epochs=18)), world, rest)
    assert found[False] > 0.9
    assert found[True] < 0.7


def test__regression__beats_the_mean():
    world = make_shops().asked(Kind.REGRESSION)
    _, rest = world.halves()
    error, of_the_mean = judged(fit(world, kind=Kind.REGRESSION, settings=replace(SMALL, epochs=12)), world, rest)
    assert error > 0.7 * of_the_mean


def test__squared_errors__train_the_mean_and_absolute_ones_the_median():
    world = make_shops(cut=True)
    skewed = np.where(np.arange(USERS) % 4 == 0, 10.0, 0.0)  # mean 2.5, median 0; the graph says nothing of it
    world = replace(world, labels=replace(world.labels, target=skewed))
    found = {}
    for metric in ("mae", "rmse"):
        settings = replace(SMALL, epochs=12, learning_rate=1e-2)
        fitted = fit(world, kind=Kind.REGRESSION, settings=settings, valid=False, metric=metric)
        found[metric] = fitted.predict(world.store, world.labels.seeds).mean()
    assert abs(found["mae"]) < 1
    assert abs(found["rmse"] - 2.5) < 1


@pytest.mark.parametrize("kind", [Kind.MULTICLASS, Kind.MULTILABEL])
def test__two_hop_classes__are_learned(kind):
    world = make_shops().asked(kind)
    _, rest = world.halves()
    fitted = fit(world, kind=kind, settings=replace(SMALL, epochs=14, learning_rate=1e-2))
    found, prior = judged(fitted, world, rest)
    assert fitted.predict(world.store, rest.seeds).shape == (len(rest), CLASSES[kind])
    assert found - prior > 0.4  # nats of cross entropy, or of AUROC beyond 0.5


def test__classes__unknown_ones_in_the_validation_are_wrong_and_none_is_trained_on():
    world = make_shops().asked(Kind.MULTICLASS)
    train, rest = world.halves()
    strange = replace(rest, target=np.where(np.arange(len(rest)) == 0, -1.0, rest.target))
    whole, odd = (fit_gnn(world.store, Kind.MULTICLASS, "users", train, v, SMALL, 0, classes=3) for v in (rest, strange))
    assert odd.report["networks"][0]["scores"][0] < whole.report["networks"][0]["scores"][0]
    with pytest.raises(TaskError, match="-1 among them"):
        fit_gnn(world.store, Kind.MULTICLASS, "users", strange, None, SMALL, 0, classes=3)


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [("last", Kind.BINARY), ("uniform", Kind.BINARY), ("last", Kind.MULTICLASS), ("last", Kind.MULTILABEL)],
)
def test__same_seed__identical_bits(strategy, kind):
    world = make_shops().asked(kind)
    settings = replace(SMALL, epochs=2, fanouts=(3, 2), strategy=strategy, staleness=5 * DAY)
    one, two, other = (fit(world, settings=settings, kind=kind, seed=seed) for seed in (1, 1, 2))
    assert same_weights(one, two)
    assert not same_weights(one, other)


@pytest.mark.parametrize("strategy", [pytest.param("last", marks=pytest.mark.slow), "uniform"])
@pytest.mark.parametrize("change", [{"workers": 3}, {"sampling": "device"}])
def test__workers_and_the_place_of_sampling__change_nothing(strategy, change):
    world, settings = make_shops(), replace(SMALL, epochs=2, strategy=strategy, fanouts=(3, 2))
    one, other = (fit(world, settings=s) for s in (settings, replace(settings, **change)))
    assert same_weights(one, other)
    assert one.report["networks"][0]["scores"] == other.report["networks"][0]["scores"]


@pytest.mark.parametrize("network", ["sage", pytest.param("relgnn", marks=pytest.mark.slow)])
def test__bf16__learns_the_same_with_float32_weights_and_repeats_itself(network):
    world, settings = make_shops(), replace(SMALL, epochs=3, network=network)
    _, rest = world.halves()
    whole, half, again = (fit(world, settings=replace(settings, precision=p)) for p in ("auto", "bf16", "bf16"))
    assert same_weights(half, again)
    assert not same_weights(half, whole)
    assert {v.dtype for v in half.networks[0].values()} == {torch.float32}
    (found, _), (expected, _) = judged(half, world, rest), judged(whole, world, rest)
    assert abs(found - expected) < 0.05


def test__fit__leaves_torch_as_it_was():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    fit(make_shops(), settings=replace(SMALL, epochs=1))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.MULTICLASS, Kind.MULTILABEL])
def test__killed_run__resumes_to_the_same_bits(tmp_path, monkeypatch, kind):
    world = make_shops().asked(kind)
    settings = replace(SMALL, epochs=4)
    whole = fit(world, settings=settings, kind=kind)
    keep = rdl.gnn.train.write_checkpoint

    def die(path, progress, groups):
        keep(path, progress, groups)
        if progress.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(rdl.gnn.train, "write_checkpoint", die)
    with pytest.raises(KeyboardInterrupt):
        fit(world, settings=settings, kind=kind, checkpoint=tmp_path / "run")
    monkeypatch.undo()
    resumed = fit(world, settings=settings, kind=kind, checkpoint=tmp_path / "run")
    assert same_weights(whole, resumed)
    assert resumed.best_epoch == whole.best_epoch
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test__checkpoint_of_another_run__is_not_used(tmp_path):
    world, settings = make_shops(), replace(SMALL, epochs=1)
    fit(world, settings=settings, seed=5, checkpoint=tmp_path / "run")
    assert same_weights(fit(world, settings=settings, checkpoint=tmp_path / "run"), fit(world, settings=settings))


def test__checkpoint_of_another_metric_is_not_used(tmp_path):
    world, settings = make_shops().asked(Kind.REGRESSION), replace(SMALL, epochs=1)
    fit(world, settings=settings, kind=Kind.REGRESSION, checkpoint=tmp_path / "run")
    again = fit(world, settings=settings, kind=Kind.REGRESSION, metric="rmse", checkpoint=tmp_path / "run")
    assert same_weights(again, fit(world, settings=settings, kind=Kind.REGRESSION, metric="rmse"))


def test__corrupt_checkpoint__is_refused(tmp_path):
    (tmp_path / "run").write_bytes(b"no tensors here")
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        fit(make_shops(), checkpoint=tmp_path / "run")


def test__without_validation__trains_the_epochs_asked_for():
    fitted = fit(make_shops(), settings=replace(SMALL, epochs=2), valid=False)
    assert fitted.best_epoch == 2
    assert fitted.report["networks"][0]["epochs"] == 2


def test__budget__ends_training_with_a_usable_network():
    world = make_shops()
    started = time.monotonic()
    fitted = fit(world, settings=replace(SMALL, epochs=100_000, patience=100_000, budget_s=0.5))
    assert time.monotonic() - started < 10
    assert np.isfinite(fitted.predict(world.store, world.labels.seeds)).all()


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.MULTICLASS, Kind.MULTILABEL])
def test__history__a_label_seen_only_in_past_labels_is_learned_and_immature_ones_are_not_read(kind):
    world = make_shops(cut=True).asked(kind)
    entity = np.arange(USERS)
    old = np.full(USERS, CUTOFF - 10 * DAY)
    value = world.labels.target
    if kind is Kind.MULTICLASS:
        value = (value[:, None] == np.arange(2)).astype(np.float64)  # the third class has no channel
    past = History(entity, old, old + 9 * DAY, value)
    future = History(entity, np.full(USERS, CUTOFF), np.full(USERS, CUTOFF), 1 - value)
    fitted = fit(world, settings=replace(SMALL, epochs=10), kind=kind, history=past)
    _, rest = world.halves()
    found, prior = judged(fitted, world, rest, history=past)
    assert found > (0.95 if kind is not Kind.MULTICLASS else 0.3 * prior)
    pairs = zip(
        (past.entity, past.cutoff, past.time, past.value), (future.entity, future.cutoff, future.time, future.value), strict=True
    )
    both = History(*(np.concatenate(pair) for pair in pairs))
    np.testing.assert_array_equal(fitted.predict(world.store, rest.seeds, both), fitted.predict(world.store, rest.seeds, past))


def test__no_labels__is_an_error():
    world = make_shops()
    with pytest.raises(TaskError, match="no training label"):
        fit_gnn(world.store, Kind.BINARY, "users", world.labels[:0], None, SMALL, 0)
