"""What the checks say of real data: what is there to be seen, and no noise."""

from rdl.database.checks.finding import Check, Severity


def test__rel_f1__the_day_of_qualifying_is_before_the_race(rel_f1):
    found = {(f.table, f.column): f for f in rel_f1.findings if f.severity is not Severity.NOTICE}
    assert set(found) == {("qualifying", "raceId"), ("drivers", "forename")}
    qualifying = found["qualifying", "raceId"]
    assert (qualifying.check, qualifying.count, qualifying.share) == (Check.BEFORE_PARENT, 9_815, 1.0)
    assert qualifying.examples[0] == "1994-03-26 00:00:00 before 1994-03-27 00:00:00"


def test__rel_f1__foreign_names_are_no_damaged_text(rel_f1):
    assert not {Check.ENCODING, Check.MIXED_ZONES, Check.STALE, Check.DANGLING} & {f.check for f in rel_f1.findings}
