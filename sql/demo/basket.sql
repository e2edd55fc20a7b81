/* What is bought in one step, and how good it was.
inputs:  variables step, step_start, orders_before; tables eager, products
outputs: tables basket, one row an order, and basket_line, one row a line, both numbered in order of time
time:    ordered_at in [step_start, step_end), after joined_at; a line settles, and its outcome is known, 1 to 5 days later

An order has 1 to 4 lines. A line's product is one of the customer's 4 habitual products (55 %; half of these are of the
favourite category), or any of the favourite category (15 %), or any at all.
Of the lines bought from a supplier in a bad period (chance.sql) 22 % are returned and the mean rating is 2.4, else 3 % and 4.3;
only 10 % of lines are rated.
*/
CREATE OR REPLACE TABLE basket AS
SELECT getvariable('orders_before') + row_number() OVER (ORDER BY ordered_at, customer) AS order_id, *,
    CASE WHEN unit('coupon', customer, slot) < 0.15
        THEN pick(['HELLO10', 'SPRING10', 'FRIEND10', 'SALE20', 'PLUS20'], unit('coupon', customer, -1 - slot)) END AS coupon
FROM (
    SELECT customer, taste, wealth, joined_at, 5 * getvariable('step') + day AS slot,
        date_trunc('second', getvariable('step_start') + to_seconds(259200 * (day + unit('order time', customer, slot))))
            AS ordered_at
    FROM eager, range(5) t(day)
    WHERE unit('order', customer, 5 * getvariable('step') + day) < slot_chance
)
WHERE ordered_at > joined_at
ORDER BY order_id;

CREATE OR REPLACE TABLE basket_line AS
WITH line AS (
    SELECT *, 4 * slot + number AS draw, unit('habit', customer, draw) AS u,
        floor(4 * unit('which habit', customer, draw))::INTEGER AS habit
    FROM basket, range(4) t(number)
    WHERE number = 0 OR unit('lines', customer, slot) < [0.45, 0.20, 0.07][number]
), chosen AS (
    SELECT *, CASE
        WHEN u < 0.55 THEN product_at(
            CASE WHEN habit < 2 THEN taste ELSE floor(24 * unit('habit category', customer, habit))::INTEGER END,
            unit('habit rank', customer, habit))
        WHEN u < 0.70 THEN product_at(taste, unit('rank', customer, draw))
        ELSE product_at(floor(24 * unit('category', customer, draw))::INTEGER, unit('rank', customer, draw)) END AS product
    FROM line
), judged AS (
    SELECT *, is_bad(supplier_of(product), getvariable('step')) AS bad, coalesce(right(coupon, 2)::INTEGER, 0) / 100e0 AS discount
    FROM chosen
)
SELECT order_id, (number + 1)::SMALLINT AS line, customer, draw, product, bad, discount,
    date_trunc('second', ordered_at + to_seconds(86400 * (1 + 4 * unit('settles', customer, draw)))) AS settled_at,
    least(20, 1 + floor(1.5 * wealth * unit('quantity', customer, draw)))::SMALLINT AS quantity,
    (p.list_price * (1 - discount))::DECIMAL(10, 2) AS unit_price,
    unit('returned', customer, draw) < CASE WHEN bad THEN 0.22 ELSE 0.03 END AS returned,
    CASE WHEN unit('rated', customer, draw) < 0.10
        THEN greatest(1, least(5, round(CASE WHEN bad THEN 2.4e0 ELSE 4.3e0 END + normal('rating', customer, draw))))::SMALLINT
        END AS rating
FROM judged JOIN products p ON p.product_id = judged.product
ORDER BY order_id, line;
