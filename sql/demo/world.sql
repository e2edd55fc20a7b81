/* The demo shop on the day it opens.
inputs:  variables opened (timestamp), days, customers, products, suppliers (counts); the macros of chance.sql
outputs: tables categories, suppliers, products, customers; latent tables shopper and mood;
         empty tables orders, order_lines, visits, support_tickets and delivery, which the steps fill
time:    joined_at in [opened, opened + days); nothing here depends on what happens after the opening

A customer is planted with a rate (orders a month), 2.2 * exp(0.6 * N(0,1)), times 1.8 on plan plus, 0.5 where ads brought
them, 1.3 with the newsletter; a taste, the favourite category; and a wealth, exp(0.5 * N(0,1)), which multiplies quantities.
They join at opened + days * u^1.4, so more of them early. Dirt: null birth dates (8 %), cities (3 %), lead times (10 %),
colours (15 %).
*/
CREATE TABLE categories AS
SELECT id::SMALLINT AS category_id, names[id + 1] AS name,
    pick(['home', 'leisure', 'food', 'fashion'], (id % 4) / 4e0) AS department
FROM range(24) t(id), (SELECT ['kitchen', 'camping', 'coffee', 'shoes', 'bedding', 'cycling', 'tea', 'jackets', 'lighting',
    'fishing', 'spices', 'bags', 'storage', 'climbing', 'chocolate', 'watches', 'garden', 'running', 'wine', 'hats', 'tools',
    'music', 'bakery', 'jewellery'] AS names)
ORDER BY id;

CREATE TABLE suppliers AS
SELECT format('S{:05d}', id) AS supplier_id,
    pick(['Nord', 'Alba', 'Orion', 'Vale', 'Kite', 'Marl', 'Fenn'], unit('supplier name', id, 0)) || ' '
        || pick(['Works', 'Trading', 'Goods', 'Supply', 'Mills'], unit('supplier name', id, 1)) || ' ' || id AS name,
    pick(['DE', 'PL', 'IT', 'CN', 'CN', 'VN', 'PT', 'TR'], unit('supplier country', id, 0)) AS country,
    DATE '2005-01-01' + floor(unit('supplier since', id, 0) * 6500)::INTEGER AS partner_since,
    unit('supplier certified', id, 0) < 0.6 AS certified,
    CASE WHEN unit('supplier lead', id, 0) >= 0.1 THEN 2 + floor(unit('supplier lead', id, 1) * 20)::INTEGER END AS lead_days
FROM range(getvariable('suppliers')) t(id)
ORDER BY id;

CREATE TABLE products AS
SELECT id::INTEGER AS product_id, format('S{:05d}', supplier_of(id)) AS supplier_id, (id % 24)::SMALLINT AS category_id,
    (9.9e0 + floor(40 * exp(0.7 * normal('product price', id, 0))))::DECIMAL(10, 2) AS list_price,
    round(0.1 + 4 * unit('product weight', id, 0), 2) AS weight_kg,
    unit('product fragile', id, 0) < 0.2 AS fragile,
    CASE WHEN unit('product colour', id, 0) >= 0.15 THEN pick(['red', 'blue', 'green', 'black', 'white', 'sand', 'grey', 'teal',
        'plum', 'rust', 'gold', 'mint'], unit('product colour', id, 1)) END AS colour,
    getvariable('opened')::DATE - floor(unit('product launch', id, 0) * 900)::INTEGER AS launched_on
FROM range(getvariable('products')) t(id)
ORDER BY id;

CREATE TABLE shopper AS
SELECT id::INTEGER AS customer,
    date_trunc('second', getvariable('opened') + to_seconds(getvariable('days') * 86400 * pow(unit('joined', id, 0), 1.4)))
        AS joined_at,
    pick(['search', 'search', 'ads', 'ads', 'friend', 'social'], unit('customer channel', id, 0)) AS channel,
    unit('customer plan', id, 0) < 0.25 AS plus,
    unit('customer newsletter', id, 0) < 0.45 AS newsletter,
    floor(unit('customer taste', id, 0) * 24)::INTEGER AS taste,
    exp(0.5 * normal('customer wealth', id, 0)) AS wealth,
    2.2 * exp(0.6 * normal('customer rate', id, 0)) * CASE WHEN plus THEN 1.8e0 ELSE 1e0 END
        * CASE channel WHEN 'ads' THEN 0.5e0 ELSE 1e0 END * CASE WHEN newsletter THEN 1.3e0 ELSE 1e0 END AS rate
FROM range(getvariable('customers')) t(id)
ORDER BY id;

CREATE TABLE customers AS
SELECT format('C{:08d}', customer) AS customer_id, joined_at, channel,
    CASE WHEN plus THEN 'plus' ELSE 'basic' END AS plan, newsletter,
    CASE WHEN unit('birth known', customer, 0) >= 0.08
        THEN DATE '1950-01-01' + floor(unit('birth', customer, 0) * 20000)::INTEGER END AS birth_date,
    CASE WHEN unit('city known', customer, 0) >= 0.03
        THEN 'city ' || floor(60 * pow(unit('city', customer, 0), 2))::INTEGER END AS city,
    pick(['DE', 'DE', 'DE', 'AT', 'CH', 'NL'], unit('customer country', customer, 0)) AS country
FROM shopper
ORDER BY customer;

CREATE TABLE mood AS
SELECT customer, 1e0 AS interest, false AS fading, 0e0 AS grief FROM shopper ORDER BY customer;

CREATE TABLE orders (order_id BIGINT, customer_id VARCHAR, ordered_at TIMESTAMP, channel VARCHAR, payment VARCHAR, coupon VARCHAR,
    express BOOLEAN, promised_on DATE, amount DECIMAL(12, 2));
CREATE TABLE order_lines (order_id BIGINT, line SMALLINT, product_id INTEGER, settled_at TIMESTAMP, quantity SMALLINT,
    unit_price DECIMAL(10, 2), discount DOUBLE, returned BOOLEAN, rating SMALLINT);
CREATE TABLE visits (visit_id BIGINT, customer_id VARCHAR, visited_at TIMESTAMP, device VARCHAR, referrer VARCHAR, pages SMALLINT,
    seconds DOUBLE, product_id INTEGER);
CREATE TABLE support_tickets (ticket_id BIGINT, customer_id VARCHAR, order_id BIGINT, product_id INTEGER, opened_at TIMESTAMP,
    topic VARCHAR, priority SMALLINT, solved_first_day BOOLEAN, message VARCHAR);
CREATE TABLE delivery (order_id BIGINT, line SMALLINT, customer INTEGER, product INTEGER, settled_at TIMESTAMP, bad BOOLEAN,
    returned BOOLEAN);
