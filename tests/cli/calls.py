"""The command, called."""

import sys

import pytest

from rdl.cli import main


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The exit code of `rdl WORDS`."""
    monkeypatch.setattr(sys, "argv", ["rdl", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)
