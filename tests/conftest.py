"""What every test relies on."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import settings

from rdl.database import Database, open_database
from rdl.project import open_project
from tests.servers import postgres_server

__all__ = ["postgres_server"]  # a fixture of every room

os.environ["TZ"] = "UTC"
time.tzset()

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"

settings.register_profile("rdl", deadline=None)  # a timing is a benchmark, not a test; and compiling takes its time
settings.load_profile("rdl")


def pytest_configure(config: pytest.Config) -> None:
    """Let PyG 2.8 script its pooling layers when it is imported; torch 2.13 deprecates that."""
    config.addinivalue_line("filterwarnings", "ignore:`torch.jit:DeprecationWarning")


def real_data(name: str) -> Path:
    """A folder of the real data, or a skip that says what is missing."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"the real data is not here: {folder}")
    return folder


@pytest.fixture(scope="session")
def rel_f1_folder() -> Path:
    """The RelBench v3 folder of rel-f1."""
    return real_data("rel-f1")


@pytest.fixture(scope="session")
def f1_csv_folder() -> Path:
    """Formula 1 as the raw export a user would have."""
    return real_data("f1-csv")


@pytest.fixture(scope="session")
def rel_f1(rel_f1_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """rel-f1, ingested once for the session."""
    return open_database(open_project(rel_f1_folder, home=tmp_path_factory.mktemp("rel-f1") / "home"))


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    """Where a test may write a project."""
    return tmp_path / "project"
