"""A shop of sixty customers, and settings with which a model of it fits in seconds."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SETTINGS = """\
name = "corner-shop"

[database]
source = "data/"
threads = 1

[tables.customers]
key = "customer_id"
time = "joined_at"

[tables.orders]
key = "order_id"
time = "ordered_at"
references = { customer_id = "customers" }
"""

TASK = """\
/* rdl
task     = "churn"
kind     = "binary"
entity   = "customers"
horizon  = "30 days"
every    = "30 days"
validate = 2025-08-01
test     = 2025-10-01
metric   = "roc_auc"
*/
-- population: customers with an order in the last 90 days.
SELECT DISTINCT c.cutoff, o.customer_id
FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff - INTERVAL 90 DAY AND o.ordered_at < c.cutoff;

-- label: whether they order nothing within the horizon.
SELECT c.cutoff, u.customer_id, count(o.order_id) = 0 AS label
FROM cutoffs c
CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id
    AND o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL
"""


def write_shop(folder):
    """Sixty customers who join through the year 2025 and order more or less often, as a project."""
    draw, opened = np.random.default_rng(5), datetime(2025, 1, 1)
    joined = [opened + timedelta(hours=int(h)) for h in np.sort(draw.integers(0, 300 * 24, 60))]
    orders = []
    for customer, start in enumerate(joined):
        moment, pause = start, draw.uniform(4, 60)
        while (moment := moment + timedelta(days=float(draw.exponential(pause)))) < datetime(2025, 12, 1):
            orders.append((customer + 100, moment, round(float(draw.gamma(2, 10)), 2)))
    (folder / "data").mkdir(parents=True)
    (folder / "sql" / "tasks").mkdir(parents=True)
    (folder / "rdl.toml").write_text(SETTINGS)
    (folder / "sql" / "tasks" / "churn.sql").write_text(TASK)
    people = {"customer_id": range(100, 160), "joined_at": joined, "city": [str(c) for c in draw.choice(["Rome", "Oslo"], 60)]}
    pq.write_table(pa.table({k: list(v) for k, v in people.items()}), folder / "data" / "customers.parquet")
    columns = dict(zip(("customer_id", "ordered_at", "amount"), map(list, zip(*orders, strict=True)), strict=True))
    pq.write_table(pa.table({"order_id": list(range(len(orders))), **columns}), folder / "data" / "orders.parquet")


def small_fit():
    """Settings of a fit of eight trees; imported late, so that pytest's filters of warnings stand when torch is imported."""
    from rdl.boost import BoostSettings
    from rdl.model import FitSettings

    boost = BoostSettings(rounds=8, seeds=1, threads=1, learning_rate=0.4, min_child_weight=1.0)
    return FitSettings(members=("features",), plan_depth=1, folds=1, boost=boost)
