/* One step of 15 days begins: its bounds, and how eager each customer is in it.
inputs:  variables opened, step; tables shopper, mood, orders, visits, support_tickets
outputs: variables step_start, step_end, orders_before, visits_before, tickets_before; table eager, one row a customer
time:    reads the mood at step_start, which the steps before have made; customers who join before step_end

A step is 5 slots of 3 days, each with at most one order. The chance of one is, at most 0.8,
    rate / 10 * season * interest * exp(-0.6 * least(grief, 4))
where season is 1 + 0.25 * cos(2 pi * (day of year + 20) / 365), highest in December.
*/
SET VARIABLE step_start = getvariable('opened') + to_days((15 * getvariable('step'))::INTEGER);
SET VARIABLE step_end = getvariable('step_start') + INTERVAL 15 DAY;
SET VARIABLE orders_before = (SELECT count(*) FROM orders);
SET VARIABLE visits_before = (SELECT count(*) FROM visits);
SET VARIABLE tickets_before = (SELECT count(*) FROM support_tickets);
SET VARIABLE season = 1 + 0.25 * cos(2 * pi() * (dayofyear(getvariable('step_start')) + 20) / 365);

CREATE OR REPLACE TABLE eager AS
SELECT customer, s.joined_at, s.taste, s.wealth, s.rate, m.interest,
    least(0.8e0, s.rate / 10 * getvariable('season') * m.interest * exp(-0.6 * least(m.grief, 4e0))) AS slot_chance
FROM shopper s JOIN mood m USING (customer)
WHERE s.joined_at < getvariable('step_end');
