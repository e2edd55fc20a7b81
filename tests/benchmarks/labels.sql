-- The demo shop's churn labels as an expert writes them by hand: population and label in one pass over the orders.
-- Input: cutoffs(cutoff TIMESTAMP), orders(customer_id, ordered_at). Output: cutoff, customer_id, label.
-- Time bound: a row of the population lies in [cutoff - 60 days, cutoff), a row that decides the label in [cutoff, cutoff + 30 days).
SELECT c.cutoff, o.customer_id, NOT bool_or(o.ordered_at >= c.cutoff) AS label
FROM orders o
JOIN cutoffs c ON o.ordered_at >= c.cutoff - INTERVAL 60 DAY AND o.ordered_at < c.cutoff + INTERVAL 30 DAY
GROUP BY ALL
HAVING bool_or(o.ordered_at < c.cutoff)
