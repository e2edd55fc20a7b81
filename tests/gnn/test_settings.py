"""Settings: JSON and back, and refusals that say what to do."""

import json

import pytest

from rdl.errors import UsageError
from rdl.gnn import GnnSettings


def test__settings__survive_json():
    given = GnnSettings(fanouts=(7, 5), budget_s=3.0, network="sage")
    assert GnnSettings.from_json(json.loads(json.dumps(given.to_json()))) == given


def test__unknown_setting__names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'channels'"):
        GnnSettings.from_json({"chanels": 3})


@pytest.mark.parametrize(
    "wrong",
    [{"channels": 0}, {"seeds": 0}, {"fanouts": ()}, {"threads": 0}, {"numeric": "log"}, {"window": 0}, {"sampling": "gpu"}],
)
def test__impossible_setting__is_refused(wrong):
    with pytest.raises(UsageError):
        GnnSettings(**wrong)
