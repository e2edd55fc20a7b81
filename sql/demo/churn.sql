/* rdl
task     = "churn"
kind     = "binary"
entity   = "customers"
horizon  = "30 days"
every    = "30 days"
validate = 2025-07-12
test     = 2025-09-10
metric   = "roc_auc"
*/
-- population: customers with an order in the last 60 days.
SELECT DISTINCT c.cutoff, o.customer_id
FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff - INTERVAL 60 DAY AND o.ordered_at < c.cutoff;

-- label: whether they order nothing within the horizon.
WITH bought AS (
    SELECT DISTINCT c.cutoff, o.customer_id
    FROM cutoffs c
    JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
)
SELECT c.cutoff, u.customer_id, b.customer_id IS NULL AS label
FROM cutoffs c
CROSS JOIN customers u
LEFT JOIN bought b ON b.cutoff = c.cutoff AND b.customer_id = u.customer_id
