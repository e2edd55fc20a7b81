"""How the alias moves, and what stays written of it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from rdl.errors import GateError, LockedError, UsageError
from rdl.lock import locked
from rdl.mlops import Decision, Version, find_version, promote, rollback, versions
from rdl.mlops.gate import Check
from rdl.mlops.promotion import past_champions
from rdl.mlops.registry import find_alias
from rdl.mlops.store import find_store

GOOD = Decision(True, "it beats the champion", (Check("better", True, "it beats the champion"),))
BAD = Decision(False, "it does not beat the champion", (Check("better", False, "it does not beat the champion"),))


@pytest.fixture
def client(copy):
    return find_store(copy).client()


@pytest.fixture
def add(copy, client):
    """Make a further version of the same files."""

    def make():
        made = client.create_model_version("churn", client.get_model_version("churn", "1").source)
        return Version("churn", str(made.version), {})

    return make


@pytest.fixture
def ask(copy, database, task, monkeypatch):
    """Promote with a gate that decides as it is told."""

    def promoted(version, decision=GOOD, **words):
        monkeypatch.setattr("rdl.mlops.promotion.decide", lambda *_: decision)
        return promote(copy, database, task, version, **words)

    return promoted


def told(client, number):
    found = client.get_model_version("churn", number)
    return found.tags["rdl.gate"], found.tags["rdl.gate.reason"], found.description.splitlines()


def test__promote__first_version__is_champion_with_its_reason(copy, client):
    how, reason, lines = told(client, "1")
    assert (how, reason) == ("promoted", "the first version: there is no champion to beat")
    assert lines == [f"- promoted: {reason}"]
    detail = json.loads(client.get_model_version("churn", "1").tags["rdl.gate.detail"])
    assert [(name, check["passes"]) for name, check in detail["checks"].items()] == [
        ("loads", True),
        ("audit", True),
        ("better", True),
    ]
    assert "stay as they are without the" in detail["checks"]["audit"]["said"]


def test__promote__gate_passes__moves_the_alias(copy, client, add, ask):
    promotion = ask(add())
    assert (promotion.promoted, promotion.champion) == (True, "2")
    assert find_version(copy, "churn").number == "2"
    assert past_champions(client, "churn") == ["1", "2"]


def test__promote__another_is_faster__is_asked_against_that_one(copy, database, task, add, ask, monkeypatch):
    slow, fast, beaten = add(), add(), []

    def decide(*told):
        holder = told[4]
        beaten.append(holder.number)
        if len(beaten) == 1:
            promote(copy, database, task, fast, force="meanwhile")
        return BAD if holder.number == fast.number else GOOD

    monkeypatch.setattr("rdl.mlops.promotion.decide", decide)
    promotion = promote(copy, database, task, slow)
    assert beaten == ["1", fast.number]
    assert (promotion.promoted, find_version(copy, "churn").number) == (False, fast.number)


def test__promote__two_at_once__the_later_fit_is_champion_whoever_is_slower(copy, database, task, client, add, monkeypatch):
    from mlflow import MlflowClient

    older, newer = add(), add()
    both, slowly = Barrier(2), MlflowClient.set_registered_model_alias

    def decide(*told):
        version, holder = told[3:5]
        if holder.number == "1":
            both.wait(30)
        return GOOD if int(version.number) > int(holder.number) else BAD

    def move(self, name, alias, number):
        time.sleep(0.5 if number == older.number else 0.0)
        slowly(self, name, alias, number)

    monkeypatch.setattr("rdl.mlops.promotion.decide", decide)
    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", move)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda version: promote(copy, database, task, version), (older, newer)))
    assert find_version(copy, "churn").number == newer.number
    assert found[1].promoted
    assert past_champions(client, "churn") == ["1", *([older.number] if found[0].promoted else []), newer.number]


def test__promote__alias_is_being_moved_by_a_process_that_hangs__locked(copy, add, ask, monkeypatch):
    monkeypatch.setattr("rdl.mlops.promotion.PATIENCE_S", 0.1)
    version, store = add(), find_store(copy)
    with locked(store.locks / "champion.churn.lock", "it"):
        for move in (lambda: ask(version), lambda: ask(version, force="now"), lambda: rollback(copy, "churn")):
            with pytest.raises(LockedError, match="the champion of churn is locked"):
                move()
    assert ask(version).promoted


def test__promote__gate_refuses__leaves_the_champion_and_says_why(copy, client, add, ask):
    promotion = ask(add(), BAD)
    assert (promotion.promoted, promotion.champion) == (False, "1")
    assert find_version(copy, "churn").number == "1"
    assert told(client, "2") == ("refused", BAD.reason, [f"- refused: {BAD.reason}"])
    assert json.loads(client.get_model_version("churn", "2").tags["rdl.gate.detail"]) == BAD.to_json()


def test__promote__the_champion_itself__decides_nothing(copy, ask):
    promotion = ask(find_version(copy, "churn"), BAD)
    assert promotion.promoted
    assert promotion.reason == "it is the champion already"


def test__promote__force__needs_a_reason_and_writes_it(copy, client, add, ask):
    version = add()
    with pytest.raises(UsageError, match="no reason is given"):
        ask(version, BAD, force="  ")
    assert ask(version, BAD, force="the labels of June are wrong").promoted
    assert told(client, "2")[:2] == ("forced", "forced: the labels of June are wrong")


def test__rollback__goes_back_step_by_step_and_both_versions_say_so(copy, client, add, ask):
    for _ in range(2):
        ask(add())
    assert rollback(copy, "churn", "too many complaints").champion == "2"
    assert told(client, "3")[0] == "rolled back"
    assert told(client, "3")[2][-1] == "- rolled back to version 2: too many complaints"
    assert told(client, "2")[2] == [
        f"- promoted: {GOOD.reason}",
        "- restored: champion again in place of version 3: too many complaints",
    ]
    assert rollback(copy, "churn").champion == "1"
    with pytest.raises(GateError, match="is the first champion"):
        rollback(copy, "churn")
    assert find_version(copy, "churn").number == "1"


def test__promote__rolled_back_version__comes_back_by_force_only(copy, client, add, ask):
    ask(add())
    rollback(copy, "churn")
    version = find_version(copy, "churn", "2")
    promotion = ask(version)
    assert not promotion.promoted
    assert "--force brings it back" in promotion.reason
    assert ask(version, force="it was the data").promoted
    assert past_champions(client, "churn") == ["1", "2"]


def test__rollback__alias_moved_by_hand_or_half__finds_the_way(copy, client, add, ask):
    for _ in range(2):
        ask(add())
    client.set_registered_model_alias("churn", "champion", "2")  # died before the alias moved to 3
    assert rollback(copy, "churn").champion == "1"
    client.set_registered_model_alias("churn", "champion", "3")  # moved by hand
    assert rollback(copy, "churn").champion == "1"
    assert find_alias(client, "churn", "champion") == versions(copy, "churn")[0]
