"""A market of sixty tills, each named by its shop and its number; what one sells next is a class, a set of them, a ranked list."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SETTINGS = """\
name = "market"

[database]
source = "data/"
threads = 1

[tables.tills]
key = ["shop", "till"]
time = "opened_at"

[tables.products]
key = "product"
time = false

[tables.sales]
key = "sale"
time = "sold_at"
references = { "shop,till" = "tills", product = "products" }
"""

TASK = """\
/* rdl
task     = "{kind}"
kind     = "{kind}"
entity   = "tills"
horizon  = "14 days"
every    = "14 days"
validate = 2025-05-01
test     = 2025-06-15
{more}
*/
-- population
SELECT DISTINCT c.cutoff, s.shop, s.till FROM cutoffs c
JOIN sales s ON s.sold_at < c.cutoff AND s.sold_at >= c.cutoff - INTERVAL 60 DAY
-- label
SELECT c.cutoff, s.shop, s.till, {label} AS label FROM cutoffs c
JOIN sales s ON s.sold_at >= c.cutoff AND s.sold_at < c.cutoff + $horizon
JOIN products p USING (product)
GROUP BY ALL
"""

LABELS = {
    "multiclass": ("mode(p.kind ORDER BY p.kind)", ""),
    "multilabel": ("list(DISTINCT p.kind ORDER BY p.kind)", ""),
    "recommendation": ("list(DISTINCT s.product ORDER BY s.product)", 'target = "products"\ntop = 4'),
}
KINDS = ("tea", "salt", "rope")


def write_market(folder):
    """Tills that open through the year 2025, each with a taste of its own, as a project with one task a kind."""
    draw = np.random.default_rng(11)
    tills = [(f"S{i // 4}", i % 4 + 1) for i in range(60)]
    opened = [datetime(2025, 1, 1) + timedelta(hours=int(h)) for h in draw.integers(0, 60 * 24, 60)]
    products = [(f"p{i}", KINDS[i % 3]) for i in range(9)]
    sales = []
    for place, (shop, till) in enumerate(tills):
        moment, taste = opened[place], draw.dirichlet(np.full(len(products), 0.3))
        while (moment := moment + timedelta(days=float(draw.exponential(4)))) < datetime(2025, 7, 10):
            sales.append((shop, till, products[int(draw.choice(len(products), p=taste))][0], moment))
    (folder / "data").mkdir(parents=True)
    (folder / "sql" / "tasks").mkdir(parents=True)
    (folder / "rdl.toml").write_text(SETTINGS)
    for kind, (label, more) in LABELS.items():
        (folder / "sql" / "tasks" / f"{kind}.sql").write_text(TASK.format(kind=kind, label=label, more=more))
    shops, numbers = zip(*tills, strict=True)
    _write(folder, "tills", shop=shops, till=numbers, opened_at=opened)
    names, kinds = zip(*products, strict=True)
    _write(folder, "products", product=names, kind=kinds)
    shop, till, product, sold = zip(*sales, strict=True)
    _write(folder, "sales", sale=range(len(sales)), shop=shop, till=till, product=product, sold_at=sold)


def _write(folder, name, **columns):
    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), folder / "data" / f"{name}.parquet")
