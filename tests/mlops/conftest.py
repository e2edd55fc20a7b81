"""One project, one small model and one champion, shared by the session; tests that write take a project of their own."""

import dataclasses
import shutil

import pytest

from rdl.database import open_database
from rdl.mlops import log_run, promote, register
from rdl.project import open_project
from rdl.task import find_task
from tests.mlops.shop import small_fit, write_shop


def pytest_configure(config):
    """Let MLflow 3.17 be imported: it warns about the type hints of its own classes then."""
    config.addinivalue_line("filterwarnings", "ignore:.*Any type hint is inferred:UserWarning")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlops") / "shop"
    write_shop(folder)
    return folder


@pytest.fixture(scope="session")
def project(folder):
    return open_project(folder)


@pytest.fixture(scope="session")
def database(project):
    return open_database(project)


@pytest.fixture(scope="session")
def task(database):
    return find_task(database, "churn")


@pytest.fixture(scope="session")
def small():
    return small_fit()


@pytest.fixture(scope="session")
def model(database, task, small):
    from rdl.model import fit_model

    return fit_model(database, task, database.span[1] + 1, small)


@pytest.fixture(scope="session")
def run(project, database, task, model, small):
    return log_run(project, database, task, model, settings=small)


@pytest.fixture(scope="session")
def champion(project, database, task, run):
    version = register(project, task, run)
    assert promote(project, database, task, version).promoted
    return version


@pytest.fixture
def copy(project, champion, tmp_path):
    """The project with a store of its own, as full as the session's."""
    home = tmp_path / "home"
    shutil.copytree(project.home, home)
    return dataclasses.replace(project, home=home)
