"""Networks of several seeds: the first as if it were alone, their answers averaged, each resumed exactly, one budget for all."""

import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import rdl.gnn.train
from rdl.errors import ModelFileError
from rdl.gnn import FittedGnn, fit_gnn
from rdl.gnn.fitted import seeds_of
from rdl.task import Kind
from rdl.timeline import DAY
from tests.gnn.shops import SMALL, make_shops

TWO = replace(SMALL, epochs=2, fanouts=(3, 2), strategy="uniform", seeds=2, dropout=0.1, staleness=5 * DAY)


def fit(settings=TWO, **more):
    world = make_shops()
    train, valid = world.halves()
    return fit_gnn(world.store, Kind.BINARY, "users", train, valid, settings, 4, **more)


@cache
def fitted():
    return fit()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test__seeds__are_distinct_and_those_of_fewer_networks_come_first():
    assert len(set(seeds_of(4, 9))) == 9
    assert seeds_of(4, 9)[:3] == seeds_of(4, 3)
    assert seeds_of(4, 1) == [4]


def test__first_network__is_what_it_is_alone_and_the_second_is_another():
    alone = fit(replace(TWO, seeds=1))
    assert same(alone.networks[0], fitted().networks[0])
    assert not same(*fitted().networks)


def test__prediction__is_the_mean_and_the_embedding_the_first_networks():
    world, both = make_shops(), fitted()
    first = replace(both, networks=both.networks[:1])
    second = replace(both, networks=both.networks[1:], seed=seeds_of(both.seed, 2)[1])
    apart = [f.predict(world.store, world.labels.seeds) for f in (first, second)]
    assert np.abs(apart[0] - apart[1]).max() > 1e-3
    np.testing.assert_allclose(both.predict(world.store, world.labels.seeds), np.mean(apart, axis=0), atol=1e-12)
    np.testing.assert_array_equal(both.embed(world.store, world.labels.seeds), first.embed(world.store, world.labels.seeds))


def test__both_networks__are_saved_and_loaded(tmp_path):
    world, both = make_shops(), fitted()
    both.save(tmp_path)
    loaded = FittedGnn.load(tmp_path)
    assert (len(loaded.networks), loaded.best_epochs) == (2, both.best_epochs)
    np.testing.assert_array_equal(loaded.predict(world.store, world.labels.seeds), both.predict(world.store, world.labels.seeds))


def test__network_that_lacks_a_tensor__is_refused(tmp_path):
    both = fitted()
    lacking = dict(list(both.networks[1].items())[1:])
    replace(both, networks=(both.networks[0], lacking)).save(tmp_path)
    with pytest.raises(ModelFileError, match="not a network"):
        FittedGnn.load(tmp_path)


def test__run_killed_in_the_second_network__resumes_to_the_same_bits(tmp_path, monkeypatch):
    keep, written = rdl.gnn.train.write_checkpoint, []

    def die(path, progress, groups):
        keep(path, progress, groups)
        written.append(path.name)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(rdl.gnn.train, "write_checkpoint", die)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=tmp_path / "run")
    assert written == ["run", "run", "run.1"]
    resumed = fit(checkpoint=tmp_path / "run")
    assert len(written) == 4  # the first network was not trained again
    assert all(same(a, b) for a, b in zip(resumed.networks, fitted().networks, strict=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.1"]


def test__budget__is_kept_over_all_networks_together():
    started = time.monotonic()
    found = fit(replace(TWO, seeds=50, epochs=10_000, patience=10_000, budget_s=0.3))
    assert time.monotonic() - started < 10
    assert len(found.networks) == 1
    assert np.isfinite(found.predict(make_shops().store, make_shops().labels.seeds)).all()


def test__epochs_of_several_networks__are_their_mean():
    assert replace(fitted(), best_epochs=(3, 8, 9)).best_epoch == 7
