"""Versions, the gate before the champion, and what a damaged model gets."""

import dataclasses
import shutil

import pytest

from rdl.errors import ModelFileError, UsageError
from rdl.mlops import Version, find_version, load_champion, promote
from rdl.mlops.registry import CHAMPION, check_loads_back, fetch_package, judge
from rdl.mlops.store import find_store
from rdl.task import METRICS, Kind, Seeds, population_at


@pytest.fixture
def add(copy):
    """Make a further version with the given metrics of the blend."""
    client = find_store(copy).client()

    def make(**metrics):
        tags = {f"rdl.metric.{name.replace('__', '.blend.')}": repr(value) for name, value in metrics.items()}
        source = client.get_model_version("churn", "1").source
        return Version("churn", str(client.create_model_version("churn", source, tags=tags).version), tags)

    return make


def test__register__version__carries_its_lineage(project, champion, database, run):
    version = find_version(project, "churn")
    assert version.number == champion.number == "1"
    assert version.tags["rdl.snapshot"] == database.fingerprint
    assert version.tags["rdl.model_id"] == run.model_id
    assert {"rdl.task_sql", "rdl.plan", "rdl.schema", "rdl.version"} <= set(version.tags)


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


def test__promote__better_in_the_same_regime__takes_the_alias(copy, task, add):
    assert promote(copy, task, add(fresh__roc_auc=0.70), force=True).promoted
    promotion = promote(copy, task, add(fresh__roc_auc=0.71))
    assert promotion.promoted
    assert promotion.champion == "3"
    assert find_version(copy, "churn", CHAMPION).number == "3"


def test__promote__worse__leaves_the_champion_and_says_why(copy, task, add):
    promote(copy, task, add(fresh__roc_auc=0.70), force=True)
    promotion = promote(copy, task, add(fresh__roc_auc=0.69))
    assert (promotion.promoted, promotion.champion) == (False, "2")
    assert "0.69 is worse than 0.7 of version 2" in promotion.reason
    assert find_version(copy, "churn").number == "2"
    assert promote(copy, task, find_version(copy, "churn", "3"), tolerance=0.02).promoted


def test__promote__smaller_is_better__reads_the_metric_so(copy, task, add):
    regression = dataclasses.replace(task, kind=Kind.REGRESSION, metric="mae")
    promote(copy, regression, add(fresh__mae=2.0), force=True)
    assert not promote(copy, regression, add(fresh__mae=2.1)).promoted
    assert promote(copy, regression, add(fresh__mae=1.9)).promoted


def test__promote__other_regimes__are_never_compared(copy, task, add):
    promote(copy, task, add(frozen__roc_auc=0.60), force=True)
    promotion = promote(copy, task, add(fresh__roc_auc=0.90))
    assert not promotion.promoted
    assert "no regime in which both" in promotion.reason


def test__promote__no_backtest__falls_back_on_the_out_of_fold_loss(copy, task, add):
    promote(copy, task, add(out_of_fold__loss=0.600), force=True)
    assert not promote(copy, task, add(out_of_fold__loss=0.620)).promoted
    promotion = promote(copy, task, add(out_of_fold__loss=0.605))
    assert promotion.promoted
    assert "out-of-fold loss 0.605 is no worse than 0.6 of version 2" in promotion.reason


@pytest.mark.parametrize(("kind", "metric"), [(kind, metric) for kind, names in METRICS.items() for metric in names])
def test__judge__every_metric_of_every_kind__is_read_the_right_way(task, kind, metric):
    question = dataclasses.replace(task, kind=kind, metric=metric)
    low, high = (Version("t", str(i), {f"rdl.metric.fresh.blend.{metric}": repr(0.4 + i / 10)}) for i in (1, 2))
    errors = metric in {"log_loss", "mae", "rmse", "nmae"}
    assert judge(question, high, low)[0] is not errors
    assert judge(question, low, high)[0] is errors
    assert judge(question, low, high, 0.2)[0]


@pytest.mark.slow
def test__check_loads_back__answers_differ__registers_nothing(project, champion, tmp_path):
    folder = tmp_path / "package"
    shutil.copytree(fetch_package(project, champion), folder)
    description = (folder / "MLmodel").read_text()
    first = description.split("prediction:\n      - ")[1].split("\n")[0]
    (folder / "MLmodel").write_text(description.replace(f"- {first}", "- 0.99", 1))
    with pytest.raises(ModelFileError, match=r"answers .*, the fitted one answered .*\[0\.99"):
        check_loads_back(project, folder, "models:/x")
