"""What every test relies on."""

import pytest
from hypothesis import settings

settings.register_profile("rdl", deadline=None)  # a timing is a benchmark, not a test; and compiling takes its time
settings.load_profile("rdl")


def pytest_configure(config: pytest.Config) -> None:
    """Let PyG 2.8 script its pooling layers when it is imported; torch 2.13 deprecates that."""
    config.addinivalue_line("filterwarnings", "ignore:`torch.jit:DeprecationWarning")
