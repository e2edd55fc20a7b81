"""What is said where files of runs and models cannot be reached: one typed error that says what to do."""

import dataclasses

import pytest

from rdl.errors import ProjectError, RdlError, TaskError, UnavailableError, UsageError
from rdl.mlops import artifacts
from rdl.mlops.artifacts import reaching
from rdl.mlops.store import find_store
from rdl.project import Project, TrackingSettings

PLACE = "s3://bucket/rdl"


def said(error: BaseException, uri: str = PLACE) -> RdlError:
    with pytest.raises(RdlError) as caught, reaching(uri):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("text", "kind", "fix"),
    [
        ("An error occurred (NoSuchBucket) when calling the PutObject operation: none", ProjectError, "make the bucket"),
        ("An error occurred (403) when calling the HeadObject operation: Forbidden", ProjectError, "AWS_ACCESS_KEY_ID"),
        (
            "An error occurred (SignatureDoesNotMatch) when calling the ListObjectsV2 operation",
            ProjectError,
            "AWS_SECRET_ACCESS_KEY",
        ),
        ("An error occurred (SlowDown) when calling the PutObject operation: reduce", UnavailableError, "try again later"),
        ('Could not connect to the endpoint URL: "http://127.0.0.1:1/"', UnavailableError, "MLFLOW_S3_ENDPOINT_URL"),
        ("Unable to locate credentials", ProjectError, "AWS_PROFILE"),
        ("The config profile (nightly) could not be found", ProjectError, "AWS_PROFILE"),
    ],
)
def test__reaching__known_error__is_told_with_what_to_do(text, kind, fix):
    plain = said(RuntimeError(text))
    wrapped = RuntimeError("The following failures occurred while downloading")
    wrapped.__context__ = ValueError(text)
    for found in (plain, said(wrapped)):
        assert type(found) is kind
        assert fix in found.fix
        assert found.where == PLACE


def test__reaching__library_that_is_missing__is_named():
    found = said(ModuleNotFoundError("No module named 'boto3'", name="boto3"))
    assert isinstance(found, UsageError)
    assert found.fix == "pip install 'rdl[s3]'"
    blob = said(ModuleNotFoundError("No module named 'azure'", name="azure"), "wasbs://box@shop.blob.core.windows.net/rdl")
    assert (type(blob), blob.fix) == (UsageError, "pip install azure-storage-blob azure-identity")
    lake = said(ModuleNotFoundError("No module named 'azure'", name="azure"), "abfss://box@shop.dfs.core.windows.net/rdl")
    assert lake.fix == "pip install azure-storage-file-datalake azure-identity"
    told = said(ImportError("cannot import name 'storage' from 'google.cloud'", name="google.cloud"), "models:/m-1")
    assert told.fix == "pip install google-cloud-storage", "a server said where the files lie"


def test__reaching__anything_else__goes_on_as_it_is():
    for error, uri in [
        (RuntimeError("An error occurred (EntityTooLarge) when calling the PutObject operation"), PLACE),
        (ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm"), PLACE),
        (OSError("Unable to locate credentials"), "file:///srv/rdl"),
        (TaskError("no row"), PLACE),
    ]:
        with pytest.raises(type(error)) as caught, reaching(uri):
            raise error
        assert caught.value is error


def test__find_store__s3_without_boto3__is_refused_before_anything_is_fitted(project: Project, monkeypatch):
    monkeypatch.setattr(artifacts, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="boto3") as caught:
        find_store(dataclasses.replace(project, tracking=TrackingSettings(artifacts=PLACE)))
    assert caught.value.fix == "pip install 'rdl[s3]'"
    assert find_store(project).uri.startswith("sqlite:")


@pytest.mark.parametrize(
    ("place", "package"),
    [
        ("gs://bucket/rdl", "google-cloud-storage"),
        ("wasbs://box@shop.blob.core.windows.net/rdl", "azure-storage-blob azure-identity"),
        ("abfss://box@shop.dfs.core.windows.net/rdl", "azure-storage-file-datalake azure-identity"),
        ("r2://bucket@account.r2.cloudflarestorage.com/rdl", "'rdl[s3]'"),
        ("sftp://host/rdl", "pysftp"),
    ],
)
def test__find_store__other_clouds_without_their_packages__are_refused_with_what_to_install(project, monkeypatch, place, package):
    def absent(name):
        raise ModuleNotFoundError("no", name=name.split(".")[0])

    elsewhere = dataclasses.replace(project, tracking=TrackingSettings(artifacts=place))
    for missing in (lambda name: None, absent):
        monkeypatch.setattr(artifacts, "find_spec", missing)
        with pytest.raises(UsageError, match="not installed") as caught:
            find_store(elsewhere)
        assert caught.value.fix == f"pip install {package}"
    monkeypatch.setattr(artifacts, "find_spec", lambda name: object())
    assert find_store(elsewhere).artifacts == place


@pytest.mark.parametrize(("place", "hint"), [("gcs://bucket/rdl", "'gs'"), ("wasb://x@y/z", "'wasbs'"), ("moon:/rdl", "known are")])
def test__find_store__scheme_that_nobody_knows__is_refused(project, place, hint):
    with pytest.raises(ProjectError, match="nothing here reaches it") as caught:
        find_store(dataclasses.replace(project, tracking=TrackingSettings(artifacts=place)))
    assert hint in caught.value.fix


def test__find_store__plain_places__are_let_through(project):
    for place in ("file:///srv/rdl", "mlflow-artifacts:/rdl", "hdfs://host/rdl"):
        assert find_store(dataclasses.replace(project, tracking=TrackingSettings(artifacts=place))).artifacts == place
