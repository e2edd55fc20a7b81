-- A hosted service: UUIDs everywhere, roles without the word "id", soft deletion, lists, vectors, epoch milliseconds, a yyyymmdd number.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE MACRO u(kind, i) AS CAST(md5(kind || i) AS UUID);
CREATE TABLE organizations AS SELECT u('o', i) AS id, 'Org ' || i AS name, TIMESTAMP '2020-01-01' + to_hours(CAST(i * 30 AS BIGINT)) AS created_at,
    TIMESTAMP '2023-01-01' + to_hours(CAST(i AS BIGINT)) AS updated_at FROM range(1, 81) r(i);
CREATE TABLE users AS SELECT u('u', i) AS id, u('o', pick(i, 1, 80)) AS organization_id, 'u' || i || '@example.org' AS email,
    TIMESTAMPTZ '2020-03-01 00:00:00+00' + to_hours(CAST(i * 9 AS BIGINT)) AS created_at,
    CASE WHEN i % 17 = 0 THEN TIMESTAMPTZ '2023-03-01 00:00:00+00' + to_hours(CAST(i AS BIGINT)) END AS deleted_at,
    CAST(i % 2 AS INTEGER) AS is_admin, [pick(i, 2, 100) / 10.0::FLOAT, 0.5::FLOAT, pick(i, 3, 9)::FLOAT]::FLOAT[] AS profile_vector FROM range(1, 901) r(i);
CREATE TABLE tickets AS SELECT u('t', i) AS id, u('u', pick(i, 4, 900)) AS author, CASE WHEN i % 4 > 0 THEN u('u', pick(i, 5, 900)) END AS assignee,
    ['open', 'closed', 'waiting'][pick(i, 6, 3)] AS status, list_distinct([['bug', 'ui', 'api', 'billing'][pick(i, 7, 4)], 'support']) AS labels,
    TIMESTAMP '2021-01-01' + to_hours(CAST(i * 5 AS BIGINT)) AS created_at,
    CASE WHEN i % 3 > 0 THEN TIMESTAMP '2021-01-01' + to_hours(CAST(i * 5 + 48 AS BIGINT)) END AS resolved_at FROM range(1, 2001) r(i);
CREATE TABLE page_views AS SELECT i AS view_id, u('u', pick(i, 8, 900)) AS user_id, 1640000000000 + i * 5000 AS viewed_at,
    '/page/' || pick(i, 9, 60) AS path FROM range(1, 5001) r(i);
CREATE TABLE invoices AS SELECT u('i', i) AS id, u('o', pick(i, 10, 80)) AS organization_id,
    CAST(strftime(DATE '2021-01-01' + CAST(i // 2 AS INTEGER), '%Y%m%d') AS INTEGER) AS invoice_date, pick(i, 11, 90000) AS amount_cents,
    DATE '2021-01-01' + CAST(i // 2 AS INTEGER) + 30 AS due_date FROM range(1, 701) r(i);
