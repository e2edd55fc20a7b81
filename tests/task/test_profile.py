"""The numbers that `rdl tasks` shows: by cutoff, with drift, and with what was left out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rdl.cli.chart import bar
from rdl.cli.tasks import _head
from rdl.task import Kind, Labels, Seeds, Split, find_task, labels_at, split_cutoffs, split_labels, with_classes
from rdl.task.catalog import Catalog
from rdl.task.labels import LabelReport
from rdl.task.profile import _lines, profile_labels, profile_splits, stability
from tests.cli.calls import call
from tests.model.world import tables, write

pytestmark = pytest.mark.slow


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
        assert profile.dropped == labels_at(world, task, split_cutoffs(task, split, world.span), counted=True)[1]


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


@pytest.mark.slow
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
    assert set(train["cutoffs"][0]) == {"cutoff", "rows", "mean", "low", "median", "high", "drift", "shares", "distinct"}
    assert set(train["dropped"]) == {
        "rows",
        "unknown_entity",
        "null_label",
        "outside_population",
        "unlabelled",
        "unknown_target",
        "empty_list",
    }


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Tasks of classes, sets and lists, about everyone, at 12 cutoffs."""
    database = write(tmp_path_factory.mktemp("kinds") / "p", tables())
    task = find_task(database, "active")
    start = "SELECT c.cutoff, u.user, {} AS label FROM cutoffs c CROSS JOIN users u LEFT JOIN events e ON e.user = u.user "
    start += "AND e.at >= c.cutoff AND e.at < c.cutoff + $horizon GROUP BY ALL"
    labels = {
        Kind.MULTICLASS: "coalesce(min(e.kind), 'none')",
        Kind.MULTILABEL: "list(DISTINCT e.kind) FILTER (e.kind IS NOT NULL)",
        Kind.RECOMMENDATION: "list(DISTINCT e.item) FILTER (e.item IS NOT NULL)",
    }
    asked = {kind: replace(task, kind=kind, label_sql=start.format(label), population_sql=None) for kind, label in labels.items()}
    return database, asked | {Kind.RECOMMENDATION: replace(asked[Kind.RECOMMENDATION], target_table="items")}


def test__classes__are_told_by_their_shares(kinds):
    database, asked = kinds
    task = with_classes(database, asked[Kind.MULTICLASS], asked[Kind.MULTICLASS].test)
    train = profile_splits(database, task)[Split.TRAIN]
    labels = split_labels(database, task, Split.TRAIN)
    assert train.mean is None
    assert list(train.shares) == [str(c) for c in task.classes]
    for place, name in enumerate(task.classes):
        assert train.shares[name] == pytest.approx((labels.target == place).mean(), abs=1e-6)
    assert sum(train.shares.values()) == pytest.approx(1, abs=1e-5)
    assert all(c.drift is not None and c.drift >= 0 for c in train.cutoffs)


def test__unknown_classes__are_counted(kinds):
    database, asked = kinds
    task = replace(asked[Kind.MULTICLASS], classes=("none", "never"))
    train = profile_splits(database, task)[Split.TRAIN]
    labels = split_labels(database, task, Split.TRAIN)
    assert train.unknown_class == (labels.target < 0).sum() > 0
    assert train.shares["never"] == 0


@pytest.mark.slow
def test__sets_and_lists__are_told_by_how_long_they_are(kinds):
    database, asked = kinds
    sets = profile_splits(database, asked[Kind.MULTILABEL])[Split.TRAIN]
    task = with_classes(database, asked[Kind.MULTILABEL], asked[Kind.MULTILABEL].test)
    labels = split_labels(database, task, Split.TRAIN)
    assert sets.mean == pytest.approx(labels.target.sum(axis=1).mean())
    assert sets.shares == {c: pytest.approx(labels.target[:, i].mean(), abs=1e-6) for i, c in enumerate(task.classes)}
    lists = profile_splits(database, asked[Kind.RECOMMENDATION])[Split.TRAIN]
    labels = split_labels(database, asked[Kind.RECOMMENDATION], Split.TRAIN)
    assert lists.mean == pytest.approx(labels.lists.sizes.mean())
    assert lists.distinct == len(set(labels.lists.rows.tolist()))
    assert lists.dropped.null_label > 0


def test__drift_of_classes__grows_with_what_changes(kinds):
    task = replace(kinds[1][Kind.MULTICLASS], classes=("a", "b", "c"))
    draw = np.random.default_rng(0)
    reference = draw.choice(3, 20_000, p=[0.6, 0.3, 0.1]).astype(float)

    def drift(shares):
        target = draw.choice(3, 5_000, p=shares).astype(float)
        labels = Labels(Seeds.at(np.arange(5_000), np.zeros(5_000, dtype=np.int64)), target)
        return profile_labels(task, labels, LabelReport(5_000, 0, 0, 0), [0], reference).cutoffs[0].drift

    assert drift([0.6, 0.3, 0.1]) < 0.005
    assert drift([0.1, 0.3, 0.6]) > 0.5 > drift([0.5, 0.3, 0.2]) > 0.02


def test__labels_at_cutoffs_of_their_own__share_lines(kinds):
    task = replace(kinds[1][Kind.MULTICLASS], listed=tuple(range(1000)))
    lines = _lines(task, np.arange(1000))
    assert (len(lines), lines[0]) == (48, 0)
    labels = Labels(Seeds.at(np.arange(1000), np.arange(1000)), np.zeros(1000))
    found = profile_labels(replace(task, classes=("a", "b")), labels, LabelReport(1000, 0, 0, 0), lines, labels.target)
    assert sum(c.rows for c in found.cutoffs) == 1000


@pytest.mark.parametrize("kind", [Kind.MULTICLASS, Kind.MULTILABEL, Kind.RECOMMENDATION])
def test__tasks__tells_of_every_kind(kinds, kind, monkeypatch, capsys):
    database, asked = kinds
    monkeypatch.setattr("rdl.task.catalog.read_catalog", lambda _: Catalog({"x": replace(asked[kind], population_sql=None)}, {}))
    monkeypatch.setattr("rdl.task.population.population_gap", lambda *_: None)
    assert call(monkeypatch, "tasks", "--project", database.project.root) == 0
    said = capsys.readouterr().out
    expected = {
        Kind.MULTICLASS: ("multiclass on users", "none ", "%"),
        Kind.MULTILABEL: ("multilabel on users", "mean ", "%"),
        Kind.RECOMMENDATION: ("recommendation of 10 items on users", "mean ", "distinct"),
    }[kind]
    assert all(part in said for part in (*expected, "drift"))


def test__head__says_what_has_no_time(kinds):
    task = kinds[1][Kind.MULTICLASS]
    assert "splits are random" in _head(replace(task, static=True))
    assert "autocomplete, multiclass on users" in _head(replace(task, autocomplete=True))
