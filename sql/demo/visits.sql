/* The visits to the shop's site in one step.
inputs:  variables step, step_start, visits_before; table eager
outputs: rows appended to visits, in order of time
time:    visited_at in [step_start, step_end), after joined_at

Each slot of 3 days has one visit with chance 0.02 + 0.10 * rate * interest, at most 0.8: visits thin out as interest fades.
Dirt: 0.5 % of the visits have no time, 5 % no customer, 40 % no product, 3 % no referrer.
*/
INSERT INTO visits
SELECT getvariable('visits_before') + row_number() OVER (ORDER BY visited_at, customer),
    CASE WHEN unit('visit known', customer, slot) >= 0.05 THEN format('C{:08d}', customer) END,
    CASE WHEN unit('visit timed', customer, slot) >= 0.005 THEN visited_at END,
    pick(['phone', 'phone', 'phone', 'laptop', 'laptop', 'tablet'], unit('device', customer, slot)),
    CASE WHEN unit('referrer known', customer, slot) >= 0.03
        THEN 'site ' || floor(40 * pow(unit('referrer', customer, slot), 2))::INTEGER END,
    1 + floor(12 * pow(unit('pages', customer, slot), 2)),
    round(8 * exp(2.5 * unit('seconds', customer, slot)), 1),
    CASE WHEN unit('viewed', customer, slot) >= 0.4
        THEN product_at(taste, unit('habit rank', customer, floor(2 * unit('viewed habit', customer, slot)))) END
FROM (
    SELECT customer, taste, joined_at, 5 * getvariable('step') + day AS slot,
        date_trunc('second', getvariable('step_start') + to_seconds(259200 * (day + unit('visit time', customer, slot))))
            AS visited_at
    FROM eager, range(5) t(day)
    WHERE unit('visit', customer, 5 * getvariable('step') + day) < least(0.8e0, 0.02 + 0.10 * rate * interest)
)
WHERE visited_at > joined_at
ORDER BY visited_at, customer;
