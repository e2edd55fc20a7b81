"""Policies: defaults, settings over them, and refusals that say how to go on."""

import pytest

from rdl.database.checks.finding import Check, Finding, Policy
from rdl.database.checks.policies import DEFAULTS, RULES, percent, refuse, remedy, resolve
from rdl.errors import ProjectError, SchemaError


def test__rules__cover_every_check_with_an_allowed_default():
    assert set(RULES) == set(Check)
    assert all(rule.default in rule.allowed and Policy.REFUSE in rule.allowed for rule in RULES.values())


def test__resolve__table_wins_over_database_wins_over_default():
    found = resolve({"dangling": "drop"}, {"dangling": "refuse", "constant": "refuse"}, "here")
    assert found == {**DEFAULTS, Check.DANGLING: Policy.DROP, Check.CONSTANT: Policy.REFUSE}


@pytest.mark.parametrize(("table", "database"), [({"dangeling": "drop"}, {}), ({}, {"dangeling": "drop"})])
def test__resolve__unknown_check__names_the_nearest(table, database):
    with pytest.raises(ProjectError) as error:
        resolve(table, database, "rdl.toml, [tables.t.checks]")
    assert "'dangeling'" in error.value.what
    assert "'dangling'" in error.value.fix
    assert error.value.where == "rdl.toml, [tables.t.checks]"


@pytest.mark.parametrize(
    ("check", "policy"), [("null_key", "keep"), ("duplicate_key", "null"), ("constant", "drop"), ("dangling", "x")]
)
def test__resolve__policy_that_the_check_does_not_allow__lists_the_allowed(check, policy):
    with pytest.raises(ProjectError) as error:
        resolve({check: policy}, {}, "here")
    assert check in error.value.what
    assert repr(policy) in error.value.what
    assert "refuse" in error.value.fix


def test__refuse__names_place_count_share_example_and_setting():
    finding = Finding("my orders", Check.DANGLING, "customer", 1234, 0.25, ("9",), Policy.REFUSE, "no such row in customers")
    with pytest.raises(SchemaError) as error:
        refuse([finding])
    text = str(error.value)
    for part in ("my orders", "customer", "1,234", "25.0 %", "'9'", "customers", '[tables."my orders".checks] dangling = "null"'):
        assert part in text


def test__refuse__passes_what_is_not_to_be_refused():
    refuse([Finding("t", check, "", 1, 1.0, (), Policy.KEEP) for check in Check])


@pytest.mark.parametrize("check", list(Check))
def test__remedy__is_a_policy_that_resolves_and_does_not_refuse(check):
    name, _, value = remedy("t", check).partition("checks] ")[2].partition(" = ")
    assert resolve({name: value.strip('"')}, {}, "")[check] is not Policy.REFUSE


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (1.0, "100 %"), (1e-9, "< 0.1 %"), (0.99999, "> 99.9 %"), (0.123, "12.3 %")]
)
def test__percent__never_hides_a_few(share, text):
    assert percent(share) == text
