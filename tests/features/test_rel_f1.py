"""Known drivers on the real rel-f1, against SQL written by hand on the native tables."""

import numpy as np
import pytest

from rdl.features import PlanSettings, compute_features, plan_features, survey_database
from rdl.task import Seeds
from rdl.timeline import DAY, format_time, parse_time

CUTOFF = parse_time("2008-06-01")

BY_HAND = """
SELECT
    count(*) AS starts,
    count(*) FILTER (r.date >= CAST('{c}' AS TIMESTAMP) - INTERVAL 360 DAY) AS starts_lately,
    avg(r.positionOrder) FILTER (r.date >= CAST('{c}' AS TIMESTAMP) - INTERVAL 360 DAY) AS place_lately,
    stddev_samp(r.points) AS spread,
    avg(r.position) AS classified_place,
    avg(CAST(r.statusId = 1 AS INT)) AS finished,
    arg_max(r.grid, r.date) AS last_grid,
    arg_max(r.constructorId, r.date) AS team
FROM results r JOIN drivers d USING (driverId)
WHERE d.driverRef = 'hamilton' AND r.date < CAST('{c}' AS TIMESTAMP)
"""


@pytest.fixture(scope="module")
def hamilton(rel_f1):
    """Features by name at two cutoffs, the driver's row, and the numbers by hand."""
    with rel_f1.engine() as engine:
        entity = int(engine.numpy("SELECT _row FROM rows.drivers WHERE driverRef = 'hamilton'")["_row"][0])
        survey = survey_database(engine, rel_f1.schema, "drivers", parse_time("2005-01-01"))
        plan = plan_features(rel_f1.schema, "drivers", PlanSettings(30 * DAY), survey)
        seeds = Seeds(np.array([entity, entity]), np.array([CUTOFF, CUTOFF + 90 * DAY]), np.array([CUTOFF, CUTOFF]))
        matrix = compute_features(plan, engine, seeds)
        by_hand = engine.arrow(BY_HAND.format(c=format_time(CUTOFF))).to_pylist()[0]
        team = "SELECT avg(positionOrder) AS p FROM results WHERE constructorId = $team AND epoch_us(date) < $cutoff"
        by_hand["team_place"] = engine.arrow(team, {"team": by_hand["team"], "cutoff": CUTOFF}).to_pylist()[0]["p"]
    return plan, dict(zip(matrix.names, matrix.values.T, strict=True)), by_hand


@pytest.mark.parametrize(
    ("name", "hand"),
    [
        ("results.driverId.count.all", "starts"),
        ("results.driverId.count.360d", "starts_lately"),
        ("results.driverId.positionOrder.mean.360d", "place_lately"),
        ("results.driverId.points.std.all", "spread"),
        ("results.driverId.position.mean.all", "classified_place"),
        ("results.driverId.statusId=1.mean.all", "finished"),
        ("results.driverId.grid.last0", "last_grid"),
        ("results.constructorId>results.constructorId.positionOrder.mean.all", "team_place"),
    ],
)
def test__features__hamilton_in_2008__as_by_hand(hamilton, name, hand):
    _, features, by_hand = hamilton
    assert features[name][0] == pytest.approx(by_hand[hand], rel=1e-6)


def test__features__stale_rows__windows_stay_full_and_ages_grow(hamilton):
    _, features, _ = hamilton
    assert features["results.driverId.count.360d"][1] == features["results.driverId.count.360d"][0]
    assert features["results.driverId.age_last"][1] - features["results.driverId.age_last"][0] == pytest.approx(90)
    assert features["calendar.staleness"].tolist() == [0, 90]


def test__plan__rel_f1__has_a_sane_size_and_no_record_of_events(hamilton):
    plan, _, _ = hamilton
    assert 200 <= len(plan.features) <= 900
    assert {b.ascent.end for b in plan.blocks if b.ascent and not b.group} == {"constructors"}
