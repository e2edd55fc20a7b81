"""Where runs and models are kept."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import ProjectError
from rdl.mlops.store import find_store, safe_name
from rdl.project import TrackingSettings


def at(project, uri):
    return dataclasses.replace(project, tracking=TrackingSettings(uri=uri))


def test__find_store__nothing_said__lies_in_the_home(project):
    store = find_store(project)
    assert store.uri == f"sqlite:///{project.home / 'mlflow.db'}"
    assert store.artifacts == (project.home / "mlartifacts").as_uri()


def test__find_store__relative_sqlite__starts_at_the_project(project):
    store = find_store(at(project, "sqlite:///.rdl/runs/mlflow.db"))
    assert store.uri == f"sqlite:///{project.root / '.rdl/runs/mlflow.db'}"
    assert store.artifacts == (project.root / ".rdl/runs/mlartifacts").as_uri()


def test__find_store__server__decides_where_files_lie(project):
    store = find_store(at(project, "https://mlflow.example.org"))
    assert (store.uri, store.artifacts) == ("https://mlflow.example.org", None)


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "ftp://x"])
def test__find_store__plain_folder__is_refused(project, uri):
    with pytest.raises(ProjectError, match="no MLflow store"):
        find_store(at(project, uri))


@given(st.text())
def test__safe_name__any_text__is_a_name_that_stays_itself(text):
    name = safe_name(text)
    assert name
    assert not set(name) & set("/:.\\ ") - {"."}
    assert safe_name(name) == name
