"""The numbers that `rdl tasks` shows: by cutoff, with drift, and with what was left out."""

import json

import numpy as np
import pytest

from rdl.cli.chart import bar
from rdl.task import Labels, Seeds, Split, find_task, labels_at, split_cutoffs, split_labels
from rdl.task.profile import profile_labels, profile_splits, stability
from tests.cli.calls import call
from tests.model.world import tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write(tmp_path_factory.mktemp("profile") / "p", tables())


@pytest.mark.parametrize("name", ["active", "spend"])
def test__profile__counts_and_means_are_those_of_the_labels(world, name):
    task = find_task(world, name)
    found = profile_splits(world, task)
    for split in Split:
        labels = split_labels(world, task, split)
        profile = found[split]
        assert (profile.rows, profile.mean) == (len(labels), pytest.approx(labels.target.mean()))
        assert sum(c.rows for c in profile.cutoffs) == len(labels)
        assert len(profile.cutoffs) == len(split_cutoffs(task, split, world.span))
        for at, cutoff in zip(profile.cutoffs, np.unique(labels.seeds.cutoff), strict=True):
            here = labels.target[labels.seeds.cutoff == cutoff]
            assert (at.rows, at.mean, at.median) == (len(here), pytest.approx(here.mean()), pytest.approx(np.median(here)))
            assert at.drift is not None
            assert at.drift >= 0
        assert profile.dropped == labels_at(world, task, split_cutoffs(task, split, world.span))[1]


def test__empty_split__says_why(world):
    task = find_task(world, "active")
    shifted = type(task)(**{**vars(task), "test": task.test + 10**15})
    found = profile_splits(world, shifted)
    assert found[Split.TRAIN].rows > 0
    assert "no test label is mature" in found[Split.TEST].refused


def test__cutoff_without_labels__stands_in_the_profile(world):
    task = find_task(world, "active")
    labels = Labels(Seeds.at(np.arange(2), np.array([10, 30])), np.array([0.0, 1.0]))
    _, report = labels_at(world, task, split_cutoffs(task, Split.TEST, world.span))
    found = profile_labels(task, labels, report, [10, 20, 30], labels.target)
    assert [(c.rows, c.mean) for c in found.cutoffs] == [(1, 0.0), (0, None), (1, 1.0)]


def test__drift__is_nothing_by_chance_and_much_where_the_rate_doubles():
    draw = np.random.default_rng(0)
    reference = (draw.random(50_000) < 0.2).astype(float)
    edges = np.array([0.0])
    same = [stability((draw.random(300) < 0.2).astype(float), reference, edges) for _ in range(50)]
    assert np.mean(same) < 0.005
    assert stability((draw.random(5000) < 0.4).astype(float), reference, edges) > 0.15
    p, q = 0.4, 0.2
    expected = (p - q) * np.log(p / q) + (q - p) * np.log((1 - p) / (1 - q))
    exact = stability(np.repeat([1.0, 0.0], [40_000, 60_000]), np.repeat([1.0, 0.0], [20_000, 80_000]), edges)
    assert exact == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("share", "text"), [(0, "    "), (1, "████"), (0.5, "██  "), (1 / 32, "▏   "), (7, "████"), (-1, "    ")])
def test__bar__is_as_long_as_its_share(share, text):
    assert bar(share, 4) == text


def test__tasks__shows_bars_to_a_terminal_only(world, monkeypatch, capsys):
    root = world.project.root
    assert call(monkeypatch, "tasks", "--project", root) == 0
    plain = capsys.readouterr().out
    assert "█" not in plain
    assert "2025-04-11" in plain
    assert "drift" in plain
    assert "oldest is drawn with weight 0.25" in plain
    monkeypatch.setattr("rdl.cli.tasks.wants_chart", lambda: True)
    assert call(monkeypatch, "tasks", "--project", root) == 0
    assert "█" in capsys.readouterr().out


def test__tasks__json_holds_every_number(world, monkeypatch, capsys):
    assert call(monkeypatch, "tasks", "--project", world.project.root, "--json") == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["spacing"], first["oldest_weight"]) == ("10 days", 0.25)
    train = first["splits"]["train"]
    assert set(train["cutoffs"][0]) == {"cutoff", "rows", "mean", "low", "median", "high", "drift"}
    assert set(train["dropped"]) == {
        "rows",
        "unknown_entity",
        "null_label",
        "outside_population",
        "unlabelled",
        "unknown_target",
        "empty_list",
    }
