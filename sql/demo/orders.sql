/* The orders and order lines of one step go into the books.
inputs:  variables closed (timestamp, the end of the data); tables basket, basket_line
outputs: rows appended to orders, order_lines and delivery (latent: what customers will hold in their hands, until mood.sql)
time:    orders by ordered_at; order lines by settled_at, those that settle before the end of the data

Dirt: 0.4 % of the lines name a product that is not in products, 2 % of the orders no channel, 1 % no promised day.
*/
INSERT INTO orders
SELECT o.order_id, format('C{:08d}', o.customer), o.ordered_at,
    CASE WHEN unit('channel known', o.order_id, 0) >= 0.02
        THEN pick(['web', 'web', 'app', 'app', 'store'], unit('channel', o.order_id, 0)) END,
    pick(['card', 'card', 'paypal', 'invoice', 'gift card'], unit('payment', o.order_id, 0)),
    o.coupon,
    unit('express', o.order_id, 0) < 0.12,
    CASE WHEN unit('promise known', o.order_id, 0) >= 0.01
        THEN o.ordered_at::DATE + 2 + floor(5 * unit('promise', o.order_id, 0))::INTEGER END,
    l.amount
FROM basket o
JOIN (SELECT order_id, sum(quantity * unit_price) AS amount FROM basket_line GROUP BY order_id) l USING (order_id)
ORDER BY o.order_id;

INSERT INTO order_lines
SELECT order_id, line, CASE WHEN unit('dangling product', order_id, line) < 0.004 THEN product + 1000000000 ELSE product END,
    settled_at, quantity, unit_price, discount, returned, rating
FROM basket_line
WHERE settled_at < getvariable('closed')
ORDER BY order_id, line;

INSERT INTO delivery
SELECT order_id, line, customer, product, settled_at, bad, returned FROM basket_line ORDER BY order_id, line;
