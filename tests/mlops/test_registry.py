"""Versions, and what a damaged model gets."""

import dataclasses
import shutil

import pytest

from rdl.errors import ModelFileError, UsageError
from rdl.mlops import find_version, load_champion, versions
from rdl.mlops.registry import check_loads_back, fetch_package
from rdl.task import Seeds, population_at


def test__register__version__carries_its_lineage(project, champion, database, run):
    version = find_version(project, "churn")
    assert version.number == champion.number == "1"
    assert version.tags["rdl.snapshot"] == database.fingerprint
    assert version.tags["rdl.model_id"] == run.model_id
    assert {"rdl.task_sql", "rdl.plan", "rdl.schema", "rdl.version", "rdl.loads_back"} <= set(version.tags)
    assert versions(project, "churn") == (version,)


def test__load_champion__predicts_as_the_fitted_model(project, champion, database, task, model):
    import numpy as np

    seeds = population_at(database, task, np.array([database.span[1]]))
    loaded = load_champion(project, "churn")
    assert (
        loaded.predict(database, seeds).prediction == model.predict(database, Seeds.at(seeds.entity, seeds.cutoff)).prediction
    ).all()


def test__load_champion__file_altered__is_refused(project, champion, tmp_path):
    from rdl.model import load_model

    folder = tmp_path / "model"
    shutil.copytree(fetch_package(project, champion) / "artifacts" / "model", folder)
    (folder / "label.sql").write_text("SELECT 1")
    with pytest.raises(ModelFileError, match=r"label\.sql"):
        load_model(folder)


def test__find_version__unknown_task_or_alias__names_the_nearest(project, champion):
    with pytest.raises(UsageError, match="did you mean 'churn'"):
        find_version(project, "chrun")
    with pytest.raises(UsageError, match="did you mean 'champion'"):
        find_version(project, "churn", "champoin")


def test__find_version__nothing_logged_yet__says_how_to_train_and_makes_no_store(project, tmp_path):
    empty = dataclasses.replace(project, home=tmp_path / "home")
    with pytest.raises(UsageError, match="rdl train churn"):
        find_version(empty, "churn")
    assert not (tmp_path / "home" / "mlflow.db").exists()


@pytest.mark.slow
def test__check_loads_back__answers_differ__registers_nothing(project, champion, tmp_path):
    folder = tmp_path / "package"
    shutil.copytree(fetch_package(project, champion), folder)
    description = (folder / "MLmodel").read_text()
    first = description.split("prediction:\n      - ")[1].split("\n")[0]
    (folder / "MLmodel").write_text(description.replace(f"- {first}", "- 0.99", 1))
    with pytest.raises(ModelFileError, match=r"answers .*, the fitted one answered .*\[0\.99"):
        check_loads_back(project, folder, "models:/x")
