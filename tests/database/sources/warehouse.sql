-- A database as a company has one: two schemas, every kind of relation, and the types that drivers stumble over.
CREATE SCHEMA sales;
CREATE SCHEMA archive;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE place AS (street text, number int);
CREATE DOMAIN euros AS numeric(12, 3) CHECK (VALUE >= 0);
CREATE DOMAIN price AS euros;

CREATE TABLE public.customers (
    id bigint PRIMARY KEY,
    email varchar(80) UNIQUE NOT NULL,
    referred_by bigint REFERENCES public.customers (id),
    joined timestamptz,
    born date,
    mood mood,
    tags text[],
    scores int[]
);
INSERT INTO public.customers VALUES
    (1, 'a@x', NULL, '2020-01-01 01:00:00+01', '0044-03-15 BC', 'happy', '{a,"b c",NULL}', '{1,NULL,3}'),
    (2, 'b@x', 1, 'infinity', 'infinity', 'sad', '{}', NULL),
    (3, 'c''"; DROP TABLE customers; --', 1, '-infinity', '-infinity', NULL, NULL, '{}'),
    (4, 'ü@x', 2, NULL, NULL, 'ok', NULL, NULL);

CREATE TABLE sales.orders (
    shop int, number int, customer bigint NOT NULL REFERENCES public.customers, contact varchar(80) REFERENCES public.customers (email),
    total numeric(10, 2), rate numeric, huge numeric(30, 10), cost price, paid boolean, note jsonb, token uuid,
    PRIMARY KEY (shop, number)
);
INSERT INTO sales.orders VALUES
    (1, 1, 1, 'a@x', 12.34, 0.1, 12345678901234567890.0123456789, 1.234, true, '{"a": [1, 2]}', '00000000-0000-0000-0000-00000000000a'),
    (1, 2, 1, NULL, -0.01, 'NaN', NULL, NULL, false, NULL, NULL),
    (2, 1, 3, 'b@x', 99999999.99, 'Infinity', -0.0000000001, 999999999.999, NULL, 'null', NULL),
    (2, 2, 3, 'b@x', 'NaN', NULL, 'NaN', NULL, NULL, NULL, NULL);
CREATE TABLE sales.lines (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_number int, order_shop int, double_id int GENERATED ALWAYS AS (7) STORED,
    FOREIGN KEY (order_shop, order_number) REFERENCES sales.orders (shop, number)
);
INSERT INTO sales.lines (order_shop, order_number) SELECT 1, 1 + i % 2 FROM generate_series(1, 10) i;
CREATE TABLE archive.orders (id int PRIMARY KEY, total money, taken interval, since time, oldest timetz);
INSERT INTO archive.orders VALUES (1, 12.5, '-1 day 2 hours', '24:00', '10:00+02'), (2, NULL, NULL, '00:00:00.000001', NULL);
CREATE TABLE public.orders (id int);

CREATE TABLE sales.events (id bigint, at timestamp NOT NULL, kind char(5)) PARTITION BY RANGE (at);
CREATE TABLE sales.events_2020 PARTITION OF sales.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE sales.events_rest PARTITION OF sales.events DEFAULT;
INSERT INTO sales.events VALUES (1, '2020-05-01 00:00:00.000001', 'a'), (2, '2021-05-01', 'b'), (3, '294276-12-31 23:59:59', 'c');

CREATE VIEW sales.big_orders AS SELECT shop, number, total FROM sales.orders WHERE total > 1;
CREATE MATERIALIZED VIEW sales.per_customer AS SELECT customer, count(*) AS orders FROM sales.orders GROUP BY customer;
CREATE TABLE public.nothing (a int PRIMARY KEY, b timestamptz, c numeric(10, 2), d text[]);
CREATE TABLE public.no_columns ();

CREATE TABLE public."select; -- ""Grüße"" 'x'" ("from" int PRIMARY KEY, "a;b" text, "q""q" int, "naïve 日本" int, "{curly} %s $1 ?" int);
INSERT INTO public."select; -- ""Grüße"" 'x'" VALUES (1, 'x', 2, 3, 4);
CREATE TABLE public.exotic (
    inside inet, span int4range, home place, raw bytea, matrix int[][], moments timestamptz[], amounts numeric(6, 2)[], moods mood[],
    bits bit(3), words tsvector, doc xml, who name, one "char", ref oid, small int2, lone float4, spot point
);
INSERT INTO public.exotic VALUES (
    '10.0.0.1/8', '[1,5)', ROW('Main "St"', 5), '\x00ff', '{{1,2},{3,4}}', '{infinity,"2020-01-01 00:00+00"}', '{1.5,NaN}', '{sad,ok}',
    B'101', 'a b', '<a/>', 'me', 'x', 4294967295, -5, 0.1, '(1,2)'
);
INSERT INTO public.exotic DEFAULT VALUES;
