-- Video rental in the manner of Sakila: a last_update in every table, roles before names, circular references of stores and staff.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE MACRO touched() AS TIMESTAMP '2006-02-15 04:34:33';
CREATE TABLE actor AS SELECT i AS actor_id, 'FIRST' || pick(i, 1, 90) AS first_name, 'LAST' || pick(i, 2, 90) AS last_name, touched() AS last_update
    FROM range(1, 201) r(i);
CREATE TABLE country AS SELECT i AS country_id, 'Country ' || i AS country, touched() AS last_update FROM range(1, 110) r(i);
CREATE TABLE city AS SELECT i AS city_id, 'City ' || i AS city, pick(i, 3, 109) AS country_id, touched() AS last_update FROM range(1, 601) r(i);
CREATE TABLE address AS SELECT i AS address_id, i || ' Street' AS address, 'District ' || pick(i, 4, 300) AS district, pick(i, 5, 600) AS city_id,
    CAST(pick(i, 6, 90000) AS VARCHAR) AS postal_code, touched() AS last_update FROM range(1, 604) r(i);
CREATE TABLE language AS SELECT i AS language_id, 'Language ' || i AS name, touched() AS last_update FROM range(1, 7) r(i);
CREATE TABLE category AS SELECT i AS category_id, 'Category ' || i AS name, touched() AS last_update FROM range(1, 17) r(i);
CREATE TABLE film AS SELECT i AS film_id, 'TITLE ' || i AS title, 2006 AS release_year, pick(i, 7, 6) AS language_id,
    CASE WHEN i % 20 = 0 THEN pick(i, 8, 6) END AS original_language_id, 2 + pick(i, 9, 5) AS rental_duration, pick(i, 10, 3) + 0.99 AS rental_rate,
    45 + pick(i, 11, 140) AS length, ['G', 'PG', 'R'][pick(i, 12, 3)] AS rating, touched() AS last_update FROM range(1, 1001) r(i);
CREATE TABLE film_actor AS SELECT DISTINCT pick(i, 13, 200) AS actor_id, pick(i, 14, 1000) AS film_id, touched() AS last_update FROM range(1, 5500) r(i);
CREATE TABLE film_category AS SELECT i AS film_id, pick(i, 15, 16) AS category_id, touched() AS last_update FROM range(1, 1001) r(i);
CREATE TABLE store AS SELECT i AS store_id, i AS manager_staff_id, i AS address_id, touched() AS last_update FROM range(1, 3) r(i);
CREATE TABLE staff AS SELECT i AS staff_id, 'First' || i AS first_name, 'Last' || i AS last_name, i + 2 AS address_id, i AS store_id, true AS active,
    touched() AS last_update FROM range(1, 3) r(i);
CREATE TABLE customer AS SELECT i AS customer_id, pick(i, 16, 2) AS store_id, 'F' || i AS first_name, 'c' || i || '@mail.org' AS email, i + 4 AS address_id,
    TIMESTAMP '2006-02-14 22:04:36' AS create_date, touched() AS last_update FROM range(1, 600) r(i);
CREATE TABLE inventory AS SELECT i AS inventory_id, pick(i, 17, 1000) AS film_id, pick(i, 18, 2) AS store_id, touched() AS last_update
    FROM range(1, 4582) r(i);
CREATE TABLE rental AS SELECT i AS rental_id, TIMESTAMP '2005-05-24' + to_minutes(CAST(i * 7 AS BIGINT)) AS rental_date, pick(i, 19, 4581) AS inventory_id,
    pick(i, 20, 599) AS customer_id, CASE WHEN i % 90 > 0 THEN TIMESTAMP '2005-05-26' + to_minutes(CAST(i * 7 AS BIGINT)) END AS return_date,
    pick(i, 21, 2) AS staff_id, touched() AS last_update FROM range(1, 16045) r(i);
CREATE TABLE payment AS SELECT i AS payment_id, pick(i, 20, 599) AS customer_id, pick(i, 22, 2) AS staff_id, CASE WHEN i % 3000 > 0 THEN i END AS rental_id,
    pick(i, 23, 9) + 0.99 AS amount, TIMESTAMP '2005-05-24' + to_minutes(CAST(i * 7 + 5 AS BIGINT)) AS payment_date, touched() AS last_update
    FROM range(1, 16045) r(i);
