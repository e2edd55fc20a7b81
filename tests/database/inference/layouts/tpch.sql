-- A supply chain in the manner of TPC-H: every column begins with its table's letter, words run together.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE TABLE region AS SELECT i AS r_regionkey, 'REGION ' || i AS r_name, 'about ' || i AS r_comment FROM range(0, 5) r(i);
CREATE TABLE nation AS SELECT i AS n_nationkey, 'NATION ' || i AS n_name, pick(i, 1, 5) - 1 AS n_regionkey, 'about ' || i AS n_comment
    FROM range(0, 25) r(i);
CREATE TABLE supplier AS SELECT i AS s_suppkey, 'Supplier#' || i AS s_name, pick(i, 2, 25) - 1 AS s_nationkey, pick(i, 3, 9999) / 7.0 AS s_acctbal
    FROM range(1, 101) r(i);
CREATE TABLE customer AS SELECT i AS c_custkey, 'Customer#' || i AS c_name, pick(i, 4, 25) - 1 AS c_nationkey, pick(i, 5, 9999) / 7.0 AS c_acctbal,
    'SEG' || pick(i, 6, 5) AS c_mktsegment FROM range(1, 1501) r(i);
CREATE TABLE part AS SELECT i AS p_partkey, 'part ' || i AS p_name, 'Brand#' || pick(i, 7, 25) AS p_brand, pick(i, 8, 50) AS p_size FROM range(1, 2001) r(i);
CREATE TABLE partsupp AS SELECT i AS ps_partkey, CAST(1 + (i + k * 25) % 100 AS BIGINT) AS ps_suppkey, pick(i * 4 + k, 9, 9999) AS ps_availqty,
    pick(i * 4 + k, 10, 1000) / 3.0 AS ps_supplycost FROM range(1, 2001) r(i), range(0, 4) s(k);
CREATE TABLE orders AS SELECT i * 4 AS o_orderkey, pick(i, 11, 1500) AS o_custkey, ['O', 'F', 'P'][pick(i, 12, 3)] AS o_orderstatus,
    DATE '1992-01-01' + pick(i, 13, 2400) AS o_orderdate, pick(i, 14, 5) AS o_shippriority FROM range(1, 3001) r(i);
CREATE TABLE lineitem AS SELECT o.o_orderkey AS l_orderkey, pick(o.o_orderkey + n, 15, 2000) AS l_partkey, pick(o.o_orderkey + n, 16, 100) AS l_suppkey,
    n AS l_linenumber, pick(o.o_orderkey + n, 17, 50) AS l_quantity, o.o_orderdate + pick(o.o_orderkey + n, 18, 120) AS l_shipdate,
    o.o_orderdate + pick(o.o_orderkey + n, 19, 90) AS l_commitdate, o.o_orderdate + pick(o.o_orderkey + n, 18, 120) + pick(n, 20, 30) AS l_receiptdate
    FROM orders o, range(1, 8) s(n) WHERE n <= pick(o.o_orderkey, 21, 7);
