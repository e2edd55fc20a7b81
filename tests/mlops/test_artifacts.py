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
    assert "azure.storage" in said(ModuleNotFoundError("no", name="azure.storage"), "wasbs://x@y/z").what


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
