-- Queries and what the lint says of them, over the shop in `shop.py`. Each case: its name, what the text shows (`rule query line`, with
-- the line inside the query), and where there is a `run:` what the run on changed data adds. `{pop}` stands for a clean population, `{window}` for
-- the label's window on `o.ordered_at`, `{closed}` for a RelBench task without a population of its own.

-- case: the clean task
-- text:
-- run:
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.customer_id AND o.ordered_at < c.cutoff)
-- label
SELECT c.cutoff, u.customer_id, count(o.order_id) = 0 AS label
FROM cutoffs c CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id AND {window}
GROUP BY ALL

-- case: clean, bounds in WHERE, flipped, implicit names
-- text:
-- run:
{pop}
-- label
SELECT cutoff, customer_id, sum(amount) > 100 AS label
FROM cutoffs, orders
WHERE cutoff <= ordered_at AND cutoff + $horizon > ordered_at
GROUP BY cutoff, customer_id

-- case: clean, interval literal of the horizon
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) > 1 AS label
FROM cutoffs c JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + INTERVAL '10 days'
GROUP BY ALL

-- case: clean, correlated subquery as the label
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, u.customer_id,
       (SELECT count(*) FROM orders o WHERE o.customer_id = u.customer_id AND {window}) AS label
FROM cutoffs c CROSS JOIN customers u

-- case: clean, EXISTS as the label
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, u.customer_id, EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.customer_id AND {window}) AS label
FROM cutoffs c CROSS JOIN customers u

-- case: clean, window in a common table expression
-- text:
-- run:
{pop}
-- label
WITH ahead AS (SELECT c.cutoff, o.customer_id, o.amount FROM cutoffs c JOIN orders o ON {window})
SELECT a.cutoff, a.customer_id, max(a.amount) AS label FROM ahead a GROUP BY ALL

-- case: clean, bounds outside the derived table
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, d.customer_id, count(*) AS label
FROM cutoffs c JOIN (SELECT customer_id, ordered_at AS t FROM orders) d ON d.t >= c.cutoff AND d.t < c.cutoff + $horizon
GROUP BY ALL

-- case: clean, bounds through two expressions and a star
-- text:
-- run:
{pop}
-- label
WITH a AS (SELECT * FROM orders), b AS (SELECT * FROM a WHERE amount > 0)
SELECT c.cutoff, b.customer_id, sum(b.amount) AS label
FROM cutoffs c JOIN b ON b.ordered_at >= c.cutoff AND b.ordered_at < c.cutoff + $horizon GROUP BY ALL

-- case: clean, a later start within the horizon
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label
FROM cutoffs c JOIN orders o ON o.ordered_at >= c.cutoff + INTERVAL 2 DAY AND o.ordered_at < c.cutoff + INTERVAL 1 WEEK
GROUP BY ALL

-- case: clean, to_days and products of intervals
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label
FROM cutoffs c JOIN orders o ON o.ordered_at >= c.cutoff + to_days(1) AND o.ordered_at < c.cutoff + 2 * INTERVAL 5 DAY
GROUP BY ALL

-- case: a static parent's column beside the window: nobody knows when it was written
-- text:
-- run: label_no_time label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, sum(o.amount * p.price) AS label
FROM cutoffs c JOIN orders o ON {window} JOIN products p USING (product_id)
GROUP BY ALL

-- case: a static parent's column alone, of what is in the window
-- text:
-- run: label_no_time label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, sum(p.price) AS label
FROM cutoffs c JOIN orders o ON {window} JOIN products p ON p.product_id = o.product_id
GROUP BY ALL

-- case: clean, a timed parent reached by its reference
-- text:
-- run:
-- population
SELECT DISTINCT c.cutoff, u.customer_id
FROM cutoffs c JOIN orders o ON o.ordered_at < c.cutoff JOIN customers u ON u.customer_id = o.customer_id
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: clean, union of two windows
-- text:
-- run:
{pop}
-- label
SELECT cutoff, customer_id, sum(n) AS label FROM (
  SELECT c.cutoff, o.customer_id, 1 AS n FROM cutoffs c JOIN orders o ON {window}
  UNION ALL
  SELECT c.cutoff, r.customer_id, 1 AS n FROM cutoffs c JOIN refunds r ON r.refunded_at >= c.cutoff AND r.refunded_at < c.cutoff + $horizon
) GROUP BY ALL

-- case: clean, condition in FILTER is left to the run
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, u.customer_id, count(*) FILTER (WHERE {window}) AS label
FROM cutoffs c CROSS JOIN customers u LEFT JOIN orders o ON o.customer_id = u.customer_id
GROUP BY ALL

-- case: clean, date_diff is left to the run
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label
FROM cutoffs c JOIN orders o ON o.ordered_at >= c.cutoff AND date_diff('second', c.cutoff, o.ordered_at) < 864000
GROUP BY ALL

-- case: clean, waits for the lag
-- text:
-- run:
-- population
SELECT DISTINCT c.cutoff, r.customer_id FROM cutoffs c JOIN refunds r ON r.refunded_at + INTERVAL 2 DAY < c.cutoff
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: clean, a comparison with the past is meant
-- text:
-- run: reads_history label 2
{pop}
-- label
SELECT c.cutoff, u.customer_id,
  (SELECT count(*) FROM orders o WHERE o.customer_id = u.customer_id AND {window})
  >
  (SELECT count(*) FROM orders p WHERE p.customer_id = u.customer_id AND p.ordered_at < c.cutoff AND p.ordered_at >= c.cutoff - $horizon)
  AS label
FROM cutoffs c CROSS JOIN customers u

-- case: clean, ordered picks
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, first(o.amount ORDER BY o.ordered_at, o.order_id) AS label
FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: clean, ties broken by a key
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, arg_max(o.amount, (o.ordered_at, o.order_id)) AS label
FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: clean, a closed window of RelBench
-- text:
-- run:
{closed}
-- label
SELECT c.cutoff, k.product_id, (SELECT count(*) FROM orders o WHERE o.product_id = k.product_id
  AND o.ordered_at > c.cutoff AND o.ordered_at <= c.cutoff + INTERVAL '10 days') AS label
FROM cutoffs c CROSS JOIN products k

-- case: silenced
-- text:
{pop}
-- label
-- lint: allow label_no_end
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c JOIN orders o ON o.ordered_at >= c.cutoff GROUP BY ALL

-- case: population reads all of a table
-- text: population_unbounded population 1
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c CROSS JOIN customers u
{label}

-- case: population asks for any order at all
-- text: population_unbounded population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE u.customer_id IN (SELECT customer_id FROM orders)
{label}

-- case: population reads a table without a time, whose parent has one
-- text: population_unbounded population 1
-- population
SELECT DISTINCT c.cutoff, l.order_id % 40 AS customer_id FROM cutoffs c CROSS JOIN lines l
{label}

-- case: a table without a time behind its bounded parent
-- text:
-- run: population_no_time population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at < c.cutoff JOIN lines l USING (order_id)
WHERE l.quantity > 1
{label}

-- case: population has a start and no end
-- text: population_unbounded population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o
  ON o.ordered_at >= c.cutoff - INTERVAL 60 DAY
{label}

-- case: population reads the cutoff's own instant
-- text: population_at_cutoff population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at <= c.cutoff
{label}

-- case: population by BETWEEN
-- text: population_at_cutoff population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at BETWEEN c.cutoff - INTERVAL 30 DAY AND c.cutoff
{label}

-- case: population looks ahead
-- text: population_after_cutoff population 2
-- run:
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at < c.cutoff + INTERVAL 3 DAY
{label}

-- case: population of the label's window
-- text: population_after_cutoff population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON {window}
{label}

-- case: population forgets the lag
-- text: population_lag population 2
-- run:
-- population
SELECT DISTINCT c.cutoff, r.customer_id FROM cutoffs c
JOIN refunds r ON r.refunded_at < c.cutoff
{label}

-- case: population hides its leak in an expression
-- text:
-- run: population_changes population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON date_trunc('month', o.ordered_at) <= c.cutoff
{label}

-- case: population hides its leak in a window function
-- text:
-- run: population_changes population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN (SELECT customer_id, ordered_at, lead(ordered_at) OVER (PARTITION BY customer_id ORDER BY ordered_at, order_id) AS later FROM orders) o
  ON o.ordered_at < c.cutoff AND o.later IS NOT NULL
{label}

-- case: label without an end
-- text: label_no_end label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff
GROUP BY ALL

-- case: label without a start
-- text: label_no_start label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at < c.cutoff + $horizon
GROUP BY ALL

-- case: label without any bound
-- text: label_no_end label 3, label_no_start label 3
{pop}
-- label
SELECT c.cutoff, u.customer_id, count(o.order_id) AS label
FROM cutoffs c CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id
GROUP BY ALL

-- case: label of the past
-- text: label_past label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at < c.cutoff AND o.ordered_at >= c.cutoff - $horizon
GROUP BY ALL

-- case: label beyond the horizon
-- text: label_beyond label 2
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + INTERVAL 30 DAY
GROUP BY ALL

-- case: label beyond the horizon by months
-- text: label_beyond label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + INTERVAL 1 MONTH
GROUP BY ALL

-- case: label of twice the horizon
-- text: label_beyond label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + 2 * $horizon
GROUP BY ALL

-- case: label by BETWEEN
-- text: label_beyond label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at BETWEEN c.cutoff AND c.cutoff + $horizon
GROUP BY ALL

-- case: label that begins a day early
-- text: label_starts_early label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff - INTERVAL 1 DAY AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL

-- case: label that skips the cutoff's instant
-- text: label_skips_cutoff label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at > c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL

-- case: bounds on the wrong side of a left join
-- text:
-- run: label_changes label 1, reads_history label 1
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c CROSS JOIN orders o
LEFT JOIN products p ON p.product_id = o.product_id AND {window}
GROUP BY ALL

-- case: a shared expression is bounded in one of its uses
-- text:
-- run: label_changes label 1
{pop}
-- label
WITH o AS (SELECT * FROM orders)
SELECT c.cutoff, u.customer_id,
  (SELECT count(*) FROM o WHERE o.customer_id = u.customer_id AND {window})
  + (SELECT count(*) FROM o WHERE o.customer_id = u.customer_id AND o.ordered_at >= c.cutoff AND o.ordered_at::DATE < c.cutoff + INTERVAL 15 DAY)
  AS label
FROM cutoffs c CROSS JOIN customers u

-- case: a qualified name hides no leak
-- text:
-- run: label_changes label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN main.orders o ON o.ordered_at >= c.cutoff AND date_trunc('month', o.ordered_at) < c.cutoff + $horizon
GROUP BY ALL

-- case: a bound in an OR is none
-- text:
-- run: label_changes label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND (o.ordered_at < c.cutoff + $horizon OR o.amount > 5)
GROUP BY ALL

-- case: an average over all time is a threshold of the future
-- text:
-- run: label_changes label 2, reads_history label 2
{pop}
-- label
SELECT c.cutoff, u.customer_id,
  coalesce((SELECT sum(o.amount) FROM orders o WHERE o.customer_id = u.customer_id AND {window}), 0) > h.mean AS label
FROM cutoffs c CROSS JOIN customers u
CROSS JOIN (SELECT avg(q.amount) * 2 AS mean FROM orders q WHERE year(q.ordered_at) > 2000) h

-- case: the entity's own column is the label
-- text: label_is_feature label 1
{pop}
-- label
SELECT c.cutoff, u.customer_id, u.vip AS label
FROM cutoffs c CROSS JOIN customers u

-- case: a static column is the label
-- text: label_is_feature label 1
-- population
SELECT c.cutoff, k.product_id FROM cutoffs c CROSS JOIN products k
-- label
SELECT c.cutoff, k.product_id, k.price > 5 AS label
FROM cutoffs c CROSS JOIN products k

-- case: a hidden column may be the label
-- text:
-- run:
-- population
SELECT c.cutoff, k.product_id FROM cutoffs c CROSS JOIN products k
-- label
SELECT c.cutoff, k.product_id, k.margin AS label
FROM cutoffs c CROSS JOIN products k

-- case: a table without a time whose parent has one
-- text: label_timeless label 3
{pop}
-- label
SELECT c.cutoff, o.customer_id, sum(l.quantity) AS label
FROM cutoffs c JOIN orders o ON {window}
JOIN lines l ON l.order_id = o.order_id
GROUP BY ALL

-- case: the clock
-- text: nondeterministic label 3
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label
FROM cutoffs c JOIN orders o ON {window}
WHERE o.ordered_at < now()
GROUP BY ALL

-- case: today
-- text: nondeterministic population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE c.cutoff < current_date
{label}

-- case: dice
-- text: nondeterministic population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE random() < 0.1
{label}

-- case: a fresh uuid
-- text: nondeterministic label 1
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(DISTINCT uuid()) AS label
FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: a sample
-- text: nondeterministic population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN
customers u TABLESAMPLE 10% ON u.created_at < c.cutoff
{label}

-- case: using sample
-- text: nondeterministic population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
USING SAMPLE 10
{label}

-- case: a limit without an order
-- text: row_order population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
LIMIT 1000
{label}

-- case: first of any order
-- text: row_order label 1
{pop}
-- label
SELECT c.cutoff, o.customer_id, first(o.amount) AS label
FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: ties of arg_max
-- text: row_order label 1
{pop}
-- label
SELECT c.cutoff, o.customer_id, arg_max(o.amount, o.ordered_at) AS label
FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: row numbers without an order
-- text: row_order label 3
{pop}
-- label
SELECT cutoff, customer_id, amount AS label FROM (
  SELECT c.cutoff, o.customer_id, o.amount,
    row_number() OVER (PARTITION BY c.cutoff, o.customer_id) AS n
  FROM cutoffs c JOIN orders o ON {window}) WHERE n = 1

-- case: who has a label is decided after the cutoff
-- text: selected_by_future label 3
{pop}
-- label
SELECT c.cutoff, u.customer_id, (SELECT count(*) FROM orders o WHERE o.customer_id = u.customer_id AND {window}) AS label
FROM cutoffs c CROSS JOIN customers u
WHERE u.customer_id IN (SELECT r.customer_id FROM refunds r WHERE r.refunded_at >= c.cutoff)

-- case: one query alone takes its entities from the window
-- text: population_from_future label 1
-- run:
{closed}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label
FROM cutoffs c JOIN orders o ON o.ordered_at > c.cutoff AND o.ordered_at <= c.cutoff + $horizon
GROUP BY ALL

-- case: a value after the end that no row has yet is found by no removal
-- text:
-- run: label_changes label 1
{pop}
-- label
SELECT c.cutoff, u.customer_id, (SELECT count(*) FROM orders o WHERE o.customer_id = u.customer_id AND {window})
  + (SELECT count(*) FROM
     orders q WHERE q.customer_id = u.customer_id AND date_trunc('day', q.ordered_at) >= c.cutoff + $horizon AND q.amount < 0) AS label
FROM cutoffs c CROSS JOIN customers u

-- case: a window function looks past the end of the label's window
-- text:
-- run: label_changes label 3
{pop}
-- label
SELECT c.cutoff, o.customer_id, bool_or(o.later < o.ordered_at + INTERVAL 5 DAY) AS label
FROM cutoffs c JOIN (SELECT *, lead(ordered_at) OVER (PARTITION BY customer_id ORDER BY ordered_at, order_id) AS later
                     FROM orders) o ON {window}
GROUP BY ALL

-- case: the newest order of all time decides the population
-- text:
-- run: population_changes population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE (SELECT max(o.ordered_at) FROM orders o WHERE o.customer_id = u.customer_id) < c.cutoff
{label}

-- case: lateral, at the cutoff itself
-- text: population_at_cutoff population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff,
LATERAL (SELECT count(*) AS n FROM orders o WHERE o.customer_id = u.customer_id AND o.ordered_at <= c.cutoff) q
WHERE q.n > 0
{label}

-- case: asof, at the cutoff itself
-- text: population_at_cutoff population 3
-- population
SELECT k.cutoff, k.customer_id
FROM (SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff) k
ASOF JOIN orders o ON o.customer_id = k.customer_id AND k.cutoff >= o.ordered_at
{label}

-- case: asof forward, without an end
-- text: label_no_end label 3
{pop}
-- label
SELECT k.cutoff, k.customer_id, o.amount AS label
FROM (SELECT c.cutoff, u.customer_id FROM cutoffs c CROSS JOIN customers u) k
ASOF JOIN orders o ON o.customer_id = k.customer_id AND k.cutoff <= o.ordered_at

-- case: an expression of the table's own name hides the read
-- text: population_unbounded population 1
-- population
WITH orders AS (SELECT customer_id FROM main.orders WHERE amount > 20)
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c CROSS JOIN orders o
{label}

-- case: one arm of a union is unbounded
-- text: population_unbounded population 4
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE u.customer_id IN (
  SELECT o.customer_id FROM orders o WHERE o.ordered_at < c.cutoff
  UNION ALL SELECT r.customer_id FROM refunds r)
{label}

-- case: the clock in an expression
-- text: nondeterministic population 1
-- population
WITH today AS (SELECT get_current_timestamp()::TIMESTAMP AS t)
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff CROSS JOIN today d WHERE c.cutoff < d.t
{label}

-- case: the cutoff rounded up
-- text:
-- run: population_changes population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at < date_trunc('month', c.cutoff) + INTERVAL 1 MONTH
{label}

-- case: qualify takes the newest order of all time
-- text:
-- run: population_changes population 2
-- population
SELECT c.cutoff, q.customer_id FROM cutoffs c CROSS JOIN (
  SELECT customer_id, ordered_at AS t FROM orders
  QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC, order_id) = 1) q
{label}

-- case: qualify before the bound
-- text:
-- run: population_changes population 2
-- population
SELECT c.cutoff, q.customer_id FROM cutoffs c JOIN (
  SELECT customer_id, ordered_at FROM orders
  QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at DESC, order_id) <= 5) q ON q.ordered_at < c.cutoff
GROUP BY ALL
{label}

-- case: customers of many orders, future ones counted
-- text:
-- run: population_changes population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
JOIN orders o ON o.customer_id = u.customer_id
GROUP BY ALL HAVING count(*) > 8
{label}

-- case: the best customers of all time
-- text: population_unbounded population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE u.customer_id IN (SELECT o.customer_id FROM orders o GROUP BY ALL ORDER BY sum(o.amount) DESC, o.customer_id LIMIT 10)
{label}

-- case: those who never come again
-- text: population_unbounded population 2
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.customer_id AND o.ordered_at >= c.cutoff)
{label}

-- case: another time zone
-- text:
-- run: population_changes population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON timezone('UTC', timezone('Asia/Tokyo', o.ordered_at)) < c.cutoff
{label}

-- case: days, the cutoff's own among them
-- text:
-- run: population_changes population 2
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at::DATE BETWEEN c.cutoff::DATE - 40 AND c.cutoff::DATE
{label}

-- case: those whose last order of all time lies in the window
-- text:
-- run: label_changes label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, max(o.ordered_at) < c.cutoff + $horizon AS label
FROM cutoffs c CROSS JOIN orders o
GROUP BY c.cutoff, o.customer_id

-- case: a filter with another window
-- text:
-- run: label_changes label 3
{pop}
-- label
SELECT c.cutoff, u.customer_id,
  count(*) FILTER (WHERE o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + 2 * $horizon) AS label
FROM cutoffs c CROSS JOIN customers u LEFT JOIN orders o ON o.customer_id = u.customer_id
GROUP BY ALL

-- case: labels of sets look beyond the horizon
-- text: label_beyond label 2
{pop}
-- label
SELECT c.cutoff, o.customer_id, list_distinct(list(o.product_id ORDER BY o.product_id)) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + 2 * $horizon
GROUP BY ALL

-- case: clean, the reference decides nothing but the join
-- text:
-- run:
{pop}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label
FROM cutoffs c JOIN orders o ON {window} LEFT JOIN products p USING (product_id)
GROUP BY ALL

-- case: the most frequent, ties any
-- text: row_order label 1
{pop}
-- label
SELECT c.cutoff, o.customer_id, mode(o.product_id) AS label
FROM cutoffs c JOIN orders o ON {window} GROUP BY ALL

-- case: a static table decides who is asked
-- text:
-- run: population_no_time population 3
-- population
SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c
JOIN orders o ON o.ordered_at < c.cutoff
JOIN products p ON p.product_id = o.product_id AND p.price > 8
{label}
