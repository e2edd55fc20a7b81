/* rdl
task     = "spend"
kind     = "regression"
entity   = "customers"
horizon  = "30 days"
every    = "30 days"
validate = 2025-07-12
test     = 2025-09-10
metric   = "mae"
least    = 0                       # nobody spends less than nothing
*/
-- population: customers with an order in the last 60 days.
SELECT DISTINCT c.cutoff, o.customer_id
FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff - INTERVAL 60 DAY AND o.ordered_at < c.cutoff;

-- label: what they spend within the horizon. Amounts are decimals, so the sum does not depend on the order of rows.
SELECT c.cutoff, u.customer_id, coalesce(sum(o.amount), 0)::DOUBLE AS label
FROM cutoffs c
CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id
    AND o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL
