"""Windows follow the horizon, and the rows' own rhythm where that is far from it."""

from hypothesis import given
from hypothesis import strategies as st

from rdl.features import PlanSettings, plan_features, survey_database
from rdl.features.proposing.rhythm import DENSE, SPARSE, rhythmic
from rdl.timeline import DAY, NEVER
from tests.features import worlds

WINDOWS = tuple(30 * DAY * m for m in (1, 3, 6, 12, 36))


@given(st.floats(1, 4000 * DAY))
def test__rhythmic__any_gap__keeps_the_windows_and_adds_two_that_hold_rows(gap):
    found = rhythmic(WINDOWS, gap)
    assert list(found) == sorted(found)
    assert set(WINDOWS) <= set(found)
    added = set(found) - set(WINDOWS)
    if WINDOWS[-1] >= SPARSE * gap and WINDOWS[0] <= DENSE * gap:
        assert not added
    elif gap > DAY / 86_400:
        assert 1 <= len(added) <= 2
        assert all(2 * gap < window < 12 * gap for window in added)


def test__rhythmic__unknown_gap__is_the_horizon_alone():
    assert rhythmic(WINDOWS, 0) == WINDOWS


def test__plan__rare_rows_and_frequent_ones__get_windows_of_their_own(tmp_path):
    world = worlds.make(2, users=5, orders=60, lines=60, span=60)
    with world.engine(tmp_path) as engine:
        survey = survey_database(engine, world.schema, "users", NEVER)
        blind = survey_database(engine, world.schema, "users", 0)
    gap = next(g for chain, g in survey.gaps.items() if str(chain) == "orders.user_id")
    assert DAY <= gap <= 12 * DAY
    assert set(blind.gaps.values()) == {0.0}

    def windows(horizon):
        plan = plan_features(world.schema, "users", PlanSettings(horizon, recent=4), survey)
        return {f.window for f in plan.features if f.block == "orders.user_id" and f.aggregate == "count"} - {0}

    assert windows(5 * DAY) == {5 * DAY * m for m in (1, 3, 6, 12, 36)}
    hours = DAY // 24
    assert max(windows(hours)) == 10 * gap
    assert min(windows(1000 * DAY)) == 3 * gap
