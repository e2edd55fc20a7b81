"""XGBoost beside a network's embedding: the network has seen earlier rows only, and everything comes back with the same bits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.errors import ModelFileError
from rdl.model import embedded as subject
from rdl.model import fit_model, load_model, save_model
from rdl.model.embedded import Embedded, FittedEmbedded
from rdl.model.registry import member
from rdl.model.training import prepare_training
from rdl.task import Labels, find_task, labels_at
from tests.model.world import CUTOFF, SMALL, tables, write

SETTINGS = replace(SMALL, members=("embedded",), plan_depth=1, lattices=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("embedded") / "p", tables())


def test__embedding__rows_it_embeds__lie_after_everything_its_network_learned_from(
    world: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the network is given, and what it is asked to embed, are written down by a stand-in of it."""
    seen: list[Labels] = []

    class Stub:
        def embed(self, store: object, seeds: object, history: object) -> np.ndarray:
            return np.random.default_rng(0).random((len(seeds), 24)).astype(np.float32)  # type: ignore[arg-type]

    def stand_in(network: str, train: subject.Examples, valid: subject.Examples, *rest: object) -> Stub:
        seen.extend([train.labels, valid.labels])
        assert train.labels.seeds.cutoff.max() < valid.labels.seeds.cutoff.min()
        return Stub()

    monkeypatch.setattr(subject, "train_network", stand_in)
    task = find_task(world, "spend")
    for staleness in (0, 40 * 86_400_000_000):
        training = prepare_training(world, task, CUTOFF, SETTINGS, staleness)
        training = training.only(training.source.plan.only({training.source.plan.features[0].name}))
        seen.clear()
        embedding = Embedded("embedded", "sage")._embedding(training.examples, training.context(1.0), "fit", 1.0)
        columns = embedding.of(training.examples.inputs, training.source)
        embedded = ~np.isnan(columns[:, 0])
        last_read = max(int(labels.seeds.cutoff.max()) for labels in seen) + task.last_read(0)
        assert columns.shape[1] == 16
        assert 0.1 < embedded.mean() < 0.7
        assert training.examples.inputs.seeds.as_of[embedded].min() > last_read
        earlier = columns[~embedded]
        assert np.isnan(earlier).all()
        assert np.array_equal(columns[embedded], np.round(columns[embedded], 3)), "last bits vary with the batch"


@pytest.mark.slow
def test__fit_model__embedded__learns_and_comes_back(world: Database, tmp_path: Path) -> None:
    model = fit_model(world, find_task(world, "spend"), CUTOFF, SETTINGS)
    fitted = model.fitted["embedded"]
    assert isinstance(fitted, FittedEmbedded)
    assert "embedding 0" in fitted.boost.names
    labels, _ = labels_at(world, model.task, np.array([CUTOFF]))
    found = model.predict(world, labels.seeds)
    assert np.corrcoef(found.prediction, labels.target)[0, 1] > 0.2
    save_model(model, tmp_path / "m")
    assert np.array_equal(load_model(tmp_path / "m").predict(world, labels.seeds).prediction, found.prediction)
    with pytest.raises(ModelFileError):
        member("embedded").load(tmp_path)
