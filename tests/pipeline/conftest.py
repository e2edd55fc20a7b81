import pytest

from rdl.pipeline import plan


@pytest.fixture(autouse=True)
def fixed_code(monkeypatch):
    """The code that is being tested may change while a test runs; keys then stay as they are."""
    monkeypatch.setattr(plan, "code_version", lambda: "fixed")
