"""Training learns what is in the graph, repeats itself exactly, resumes exactly and keeps its budget."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

import rdl.gnn.train
from rdl.errors import ModelFileError, TaskError
from rdl.gnn import fit_gnn
from rdl.gnn.train import score
from rdl.task import History, Kind, Labels
from rdl.timeline import DAY
from tests.gnn.shops import CUTOFF, SMALL, USERS, make_shops


def fit(world, *, settings=SMALL, kind=Kind.BINARY, seed=0, valid=True, **more):
    train, rest = world.halves()
    return fit_gnn(world.store, kind, "users", train, rest if valid else None, settings, seed, **more)


def same_weights(one, other):
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test__two_hop_signal__learned_only_where_the_edge_is():
    found = {}
    for cut in (False, True):
        world = make_shops(cut=cut)
        _, rest = world.halves()
        found[cut] = score(
            Kind.BINARY, rest.target, fit(world, settings=replace(SMALL, epochs=18)).predict(world.store, rest.seeds)
        )
    assert found[False] > 0.9
    assert found[True] < 0.7


def test__regression__beats_the_mean():
    world = make_shops()
    labels = Labels(world.labels.seeds, 50 + 20 * world.share)
    world = replace(world, labels=labels)
    train, rest = world.halves()
    fitted = fit(world, kind=Kind.REGRESSION, settings=replace(SMALL, epochs=12))
    error = np.abs(fitted.predict(world.store, rest.seeds) - rest.target).mean()
    assert error < 0.7 * np.abs(np.median(train.target) - rest.target).mean()


@pytest.mark.parametrize("strategy", ["last", "uniform"])
def test__same_seed__identical_bits(strategy):
    world = make_shops()
    settings = replace(SMALL, epochs=2, fanouts=(3, 2), strategy=strategy, staleness=5 * DAY)
    one, two, other = (fit(world, settings=settings, seed=seed) for seed in (1, 1, 2))
    assert same_weights(one, two)
    assert not same_weights(one, other)


def test__fit__leaves_torch_as_it_was():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    fit(make_shops(), settings=replace(SMALL, epochs=1))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test__killed_run__resumes_to_the_same_bits(tmp_path, monkeypatch):
    world = make_shops()
    settings = replace(SMALL, epochs=4)
    whole = fit(world, settings=settings)
    keep = rdl.gnn.train.write_checkpoint

    def die(path, progress, groups):
        keep(path, progress, groups)
        if progress.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(rdl.gnn.train, "write_checkpoint", die)
    with pytest.raises(KeyboardInterrupt):
        fit(world, settings=settings, checkpoint=tmp_path / "run")
    monkeypatch.undo()
    resumed = fit(world, settings=settings, checkpoint=tmp_path / "run")
    assert same_weights(whole, resumed)
    assert resumed.best_epoch == whole.best_epoch
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test__checkpoint_of_another_run__is_not_used(tmp_path):
    world, settings = make_shops(), replace(SMALL, epochs=1)
    fit(world, settings=settings, seed=5, checkpoint=tmp_path / "run")
    assert same_weights(fit(world, settings=settings, checkpoint=tmp_path / "run"), fit(world, settings=settings))


def test__corrupt_checkpoint__is_refused(tmp_path):
    (tmp_path / "run").write_bytes(b"no tensors here")
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        fit(make_shops(), checkpoint=tmp_path / "run")


def test__without_validation__trains_the_epochs_asked_for():
    fitted = fit(make_shops(), settings=replace(SMALL, epochs=2), valid=False)
    assert fitted.best_epoch == 2
    assert fitted.report["epochs"] == 2


def test__budget__ends_training_with_a_usable_network():
    world = make_shops()
    started = time.monotonic()
    fitted = fit(world, settings=replace(SMALL, epochs=100_000, patience=100_000, budget_s=0.5))
    assert time.monotonic() - started < 10
    assert np.isfinite(fitted.predict(world.store, world.labels.seeds)).all()


def test__history__a_label_seen_only_in_past_labels_is_learned_and_immature_ones_are_not_read():
    world = make_shops(cut=True)
    entity = np.arange(USERS)
    old = np.full(USERS, CUTOFF - 10 * DAY)
    past = History(entity, old, old + 9 * DAY, world.labels.target)
    future = History(entity, np.full(USERS, CUTOFF), np.full(USERS, CUTOFF), 1 - world.labels.target)
    fitted = fit(world, settings=replace(SMALL, epochs=10), history=past)
    _, rest = world.halves()
    found = fitted.predict(world.store, rest.seeds, past)
    assert score(Kind.BINARY, rest.target, found) > 0.95
    pairs = zip(
        (past.entity, past.cutoff, past.time, past.value), (future.entity, future.cutoff, future.time, future.value), strict=True
    )
    both = History(*(np.concatenate(pair) for pair in pairs))
    np.testing.assert_array_equal(fitted.predict(world.store, rest.seeds, both), found)


def test__no_labels__is_an_error():
    world = make_shops()
    with pytest.raises(TaskError, match="no training label"):
        fit_gnn(world.store, Kind.BINARY, "users", world.labels[:0], None, SMALL, 0)
