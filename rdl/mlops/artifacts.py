"""The place where files of runs and models lie: what goes wrong there, in a sentence that says what to do.

MLflow reaches every kind of place by a library of its own, which raises errors of its own, or hands on their text alone. What they
say is read here; an error that nobody knows goes on as it is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from importlib.util import find_spec

from rdl.errors import ProjectError, RdlError, UnavailableError, UsageError, nearest
from rdl.mlops import records

_S3 = ("boto3", "'rdl[s3]'")
_CLIENTS = {
    "s3": _S3,
    "r2": _S3,
    "b2": _S3,
    "gs": ("google.cloud.storage", "google-cloud-storage"),
    "wasbs": ("azure.storage.blob", "azure-storage-blob azure-identity"),
    "abfss": ("azure.storage.filedatalake", "azure-storage-file-datalake azure-identity"),
    "sftp": ("pysftp", "pysftp"),
}
"""What reaches a place, by the scheme of its address: the module, and what pip calls it."""
_PACKAGES = {"boto3": "'rdl[s3]'", "botocore": "'rdl[s3]'", "google": _CLIENTS["gs"][1], "azure": _CLIENTS["wasbs"][1]}
"""The same by the module that is missing, where the address tells nothing: a server said where the files lie."""
_OTHERS = ("file", "ftp", "hdfs", "viewfs", "dbfs", "http", "https", "mlflow-artifacts")
"""Schemes that MLflow knows besides."""
_CODE = re.compile(r"An error occurred \((\w+)\) when calling the (\w+)")
"""How S3 says no: its code, and what was asked."""
_UNKNOWN = ("NoSuchBucket",)
_REFUSED = ("AccessDenied", "InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "403")
_LATER = ("SlowDown", "ServiceUnavailable", "InternalError", "500", "503")
_SILENT = ("Could not connect to the endpoint", "Connect timeout on endpoint", "Read timeout on endpoint", "Connection was closed")
_NOBODY = ("Unable to locate credentials", "Partial credentials found", "The config profile", "Error when retrieving credentials")


def require_library(uri: str | None) -> None:
    """Refuse a place that cannot be reached by what is installed.

    Raises:
        UsageError: what reaches such a place is not installed.
        ProjectError: nothing does.
    """
    if uri is None:
        return
    scheme = uri.partition(":")[0]
    if scheme in _CLIENTS:
        if not _installed(_CLIENTS[scheme][0]):
            raise _missing(uri, _CLIENTS[scheme][0])
    elif scheme not in _OTHERS and scheme not in entry_points(group="mlflow.artifact_repository").names:
        fix = f"[tracking] artifacts: {nearest(scheme, [*_CLIENTS, *_OTHERS])}"
        raise ProjectError(f"files cannot be kept at {scheme}: nothing here reaches it", where=uri, fix=fix)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Read or write files at `uri` in the body.

    Raises:
        UsageError: the library that reaches it is not installed.
        ProjectError: nobody says who asks, or the place refuses or does not know what is asked for.
        UnavailableError: it does not answer now.
    """
    try:
        yield
    except RdlError:
        raise
    except Exception as error:
        known = find_reason(uri, error) or records.find_reason(uri, error)
        if known is None:
            raise
        raise known from error


def find_reason(uri: str, error: BaseException) -> RdlError | None:
    """What an error, or one that it came from, says of the place `uri`; None where it says nothing that is known."""
    seen = list[BaseException]()
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    for each in seen:
        if isinstance(each, ImportError) and each.name and each.name.split(".")[0] in _PACKAGES:
            return _missing(uri, each.name)
    text = "\n".join(str(each) for each in seen)
    said = _CODE.search(text)
    return _refusal(uri, *said.groups()) if said else _silence(uri, text)


def _missing(uri: str, module: str) -> UsageError:
    _, package = _CLIENTS.get(uri.partition(":")[0], ("", _PACKAGES.get(module.split(".", maxsplit=1)[0], module)))
    what = f"files at {uri} are reached by the package {module}, which is not installed"
    return UsageError(what, where="artifacts", fix=f"pip install {package}")


def _refusal(uri: str, code: str, asked: str) -> RdlError | None:
    """What an answer of S3 with a code means."""
    if code in _UNKNOWN or (code == "404" and asked == "HeadBucket"):
        fix = "make the bucket, or name another place: [tracking] artifacts"
        return ProjectError(f"there is no such bucket ({code}, {asked})", where=uri, fix=fix)
    if code in _REFUSED:
        keys = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or AWS_PROFILE"
        fix = f"check {keys}, and what they may do in the bucket"
        return ProjectError(f"the bucket's server refuses these credentials ({code}, {asked})", where=uri, fix=fix)
    if code in _LATER:
        return UnavailableError(f"the bucket's server cannot answer now ({code}, {asked})", where=uri, fix="try again later")
    return None


def _silence(uri: str, text: str) -> RdlError | None:
    """What it means where S3 was not even asked."""
    if not uri.startswith("s3:"):
        return None
    if any(words in text for words in _SILENT):
        fix = "check the network and MLFLOW_S3_ENDPOINT_URL, which names the server where it is not AWS"
        return UnavailableError("the bucket's server does not answer", where=uri, fix=fix)
    if any(words in text for words in _NOBODY):
        fix = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
        return ProjectError("there are no credentials to ask with", where=uri, fix=fix)
    return None
