-- What users' SQL may try. Each entry starts with its verdict: `refused` (not a word of it runs), `stopped` (it ends by the limit of
-- time, memory or disk) or `harmless` (it answers, but nothing of the outside). {secret} is a file that holds the marker, {out} a path
-- that must not come to be, {db} the database file, {parquet} a file that one of its views reads, {table} one of its tables,
-- and {5x ab} is "ab" five times.

-- refused: reads a text file
SELECT * FROM read_text('{secret}')
-- refused: reads bytes
SELECT * FROM read_blob('{secret}')
-- refused: reads CSV
SELECT * FROM read_csv('{secret}')
-- refused: reads CSV with options
SELECT * FROM read_csv_auto('{secret}', auto_detect = true)
-- refused: reads JSON
SELECT * FROM read_json('{secret}')
-- refused: reads JSON objects
SELECT * FROM read_json_objects_auto('{secret}')
-- refused: reads JSON lines
SELECT * FROM read_ndjson_objects('{secret}')
-- refused: reads Parquet
SELECT * FROM read_parquet('{secret}')
-- refused: reads Parquet under its other name
SELECT * FROM parquet_scan(['{secret}'])
-- refused: reads one file, as DuckDB does inside
SELECT * FROM read_single_csv_file('{secret}')
-- refused: reads a database
SELECT * FROM read_duckdb('{db}', table_name = '{table}')
-- refused: reads the footer
SELECT * FROM parquet_metadata('{parquet}')
-- refused: reads the footer's schema
SELECT * FROM parquet_schema('{parquet}')
-- refused: probes a Parquet file
SELECT * FROM parquet_bloom_probe('{parquet}', 'x', 1)
-- refused: guesses at a file
SELECT * FROM sniff_csv('{secret}')
-- refused: reads the file that a view reads
SELECT * FROM read_parquet('{parquet}')
-- refused: reads the file that a view reads, by its name
SELECT * FROM '{parquet}'
-- refused: reads the file that a view reads, by its quoted name
SELECT * FROM "{parquet}"
-- refused: reads the file that a view reads, as bytes
SELECT length(content) FROM read_blob('{parquet}')
-- refused: names a common table expression as the file that a view reads, and reads it out of its scope
SELECT * FROM (WITH "{parquet}" AS (SELECT 1) SELECT 1), "{parquet}"
-- refused: reads the database's own bytes
SELECT content FROM read_blob('{db}')
-- refused: reads a file by its name
SELECT * FROM '{secret}'
-- refused: reads a file by its quoted name
SELECT * FROM "{secret}"
-- refused: reads a file by a name in parts
SELECT * FROM secret.csv
-- refused: reads files by a pattern
FROM '/etc/*.csv'
-- refused: reads a file in a join
SELECT * FROM {table} JOIN '{secret}' s ON true
-- refused: reads a file in a table statement
TABLE '{secret}'
-- refused: reads a file under a pivot
PIVOT '{parquet}' ON x IN (1) USING count(*)
-- refused: lists files
SELECT * FROM glob('/*')
-- refused: lists files, in capitals and quotes
SELECT * FROM "GLOB"('/*')
-- refused: reads by a qualified function
SELECT * FROM system.main.read_text('{secret}')
-- refused: reads in a lateral join
SELECT * FROM {table}, LATERAL (SELECT * FROM read_text('{secret}'))
-- refused: reads in a scalar subquery
SELECT (SELECT content FROM read_text('{secret}')) AS x
-- refused: reads in a condition
SELECT 1 WHERE EXISTS (FROM read_text('{secret}'))
-- refused: reads in a list
SELECT ARRAY(SELECT content FROM read_text('{secret}'))
-- refused: reads in an order
SELECT 1 AS x ORDER BY (SELECT content FROM read_text('{secret}'))
-- refused: reads in a limit
SELECT 1 AS x LIMIT (SELECT count(*) FROM read_text('{secret}'))
-- refused: reads in a common table expression
WITH x AS MATERIALIZED (SELECT * FROM read_text('{secret}')) SELECT * FROM x
-- refused: reads in a recursion
WITH RECURSIVE r AS (SELECT '' AS c UNION ALL SELECT content FROM r, read_text('{secret}')) SELECT * FROM r
-- refused: reads in the second half of a union
SELECT '' AS content UNION ALL BY NAME SELECT content FROM read_text('{secret}')
-- refused: reads inside of a query function
SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')
-- refused: reads a table by its name as text
SELECT * FROM query_table('{table}')
-- refused: reads a file by its name as text
SELECT * FROM query_table(['{parquet}'])
-- refused: reads inside of a serialized query
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))
-- refused: reads over the network
SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')
-- refused: reads from a bucket
SELECT * FROM 's3://bucket/x.parquet'
-- refused: reads through another file system
SELECT * FROM read_text('file://{secret}')
-- refused: writes a file
COPY {table} TO '{out}'
-- refused: writes a file from a query
COPY (SELECT 42) TO '{out}' (FORMAT parquet)
-- refused: writes over the file that a view reads
COPY (SELECT 42 AS x) TO '{parquet}' (FORMAT parquet, USE_TMP_FILE false)
-- refused: writes a folder of parts
COPY {table} TO '{out}' (FORMAT csv, PARTITION_BY (amount))
-- refused: reads into a table
COPY {table} FROM '{secret}'
-- refused: copies a database
COPY FROM DATABASE db TO memory
-- refused: writes a folder
EXPORT DATABASE '{out}'
-- refused: reads a folder
IMPORT DATABASE '{out}'
-- refused: opens a file to write
ATTACH '{out}' AS other
-- refused: opens the database to write
ATTACH '{db}' AS again (READ_WRITE)
-- refused: opens a database over the network
ATTACH 'https://127.0.0.1:1/x.duckdb' AS other
-- refused: opens another kind of database
ATTACH 'postgres://localhost/x' AS other (TYPE postgres)
-- refused: closes the database
DETACH db
-- refused: changes the database
USE memory
-- refused: downloads code
INSTALL httpfs
-- refused: downloads code again
FORCE INSTALL httpfs FROM community
-- refused: updates code
UPDATE EXTENSIONS
-- refused: loads code
LOAD httpfs
-- refused: loads a file as code
LOAD '{secret}'
-- refused: opens the wall
SET enable_external_access = true
-- refused: widens the wall
SET allowed_directories = ['/']
-- refused: opens the lock
RESET lock_configuration
-- refused: raises its own limits
SET memory_limit = '100GB'
-- refused: raises its own limits for all
SET GLOBAL threads = 64
-- refused: sets a variable
SET VARIABLE x = (SELECT content FROM read_text('{secret}'))
-- refused: a pragma
PRAGMA memory_limit = '100GB'
-- refused: a pragma that writes
PRAGMA enable_profiling = 'json'
-- refused: a pragma that shows paths
PRAGMA database_list
-- refused: a call
CALL pragma_database_size()
-- refused: a call that writes
CALL force_checkpoint()
-- refused: a call that computes
CALL range(3)
-- refused: checkpoints
CHECKPOINT db
-- refused: checkpoints by a function
SELECT * FROM force_checkpoint()
-- refused: empties
VACUUM
-- refused: analyzes
ANALYZE
-- refused: makes a table
CREATE TABLE x AS SELECT 1
-- refused: makes a table in the database
CREATE OR REPLACE TABLE db.rows.{table} AS SELECT 1
-- refused: makes a view
CREATE TEMP VIEW {table} AS SELECT 1
-- refused: makes a macro
CREATE MACRO upper(x) AS 'owned'
-- refused: makes a type
CREATE TYPE mood AS ENUM ('a')
-- refused: makes a sequence
CREATE SEQUENCE s
-- refused: makes a secret
CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')
-- refused: inserts
INSERT INTO {table} SELECT * FROM {table}
-- refused: inserts behind a common table expression
WITH x AS (SELECT 1) INSERT INTO {table} SELECT * FROM {table}
-- refused: inserts inside of a common table expression
WITH x AS (INSERT INTO db.rows.{table} SELECT * FROM db.rows.{table} RETURNING *) SELECT * FROM x
-- refused: deletes inside of a common table expression
WITH x AS (DELETE FROM db.rows.{table} RETURNING *) SELECT * FROM x
-- refused: updates inside of a subquery's common table expression
SELECT * FROM (WITH x AS (UPDATE db.rows.{table} SET _time = 0 RETURNING *) SELECT * FROM x)
-- refused: updates
UPDATE db.rows.{table} SET _time = 0
-- refused: deletes
DELETE FROM db.rows.{table}
-- refused: truncates
TRUNCATE db.rows.{table}
-- refused: merges
MERGE INTO db.rows.{table} t USING (SELECT 0 AS r) s ON t._row = s.r WHEN MATCHED THEN DELETE
-- refused: drops a view
DROP VIEW {table}
-- refused: drops a schema
DROP SCHEMA db.rows CASCADE
-- refused: renames
ALTER TABLE db.rows.{table} RENAME TO stolen
-- refused: comments
COMMENT ON TABLE db.rows.{table} IS 'owned'
-- refused: stacked
SELECT 1; DROP VIEW {table}
-- refused: stacked with a file
SELECT 1; COPY (SELECT 1) TO '{out}'
-- refused: stacked queries
SELECT 1; SELECT 2
-- refused: stacked behind a comment
SELECT 1 /* ; */ ; /* SELECT */ DELETE FROM db.rows.{table}
-- refused: stacked behind a line
SELECT 1; --
COPY (SELECT 1) TO '{out}'
-- refused: stacked behind a nested comment
SELECT 1 /* /* */ ; */; DROP VIEW {table} /* */
-- refused: stacked behind a dollar string
SELECT $a$ ; $a$; DROP VIEW {table}
-- refused: stacked behind an escaped quote
SELECT E'\'; DROP VIEW {table}'; DROP VIEW {table}
-- refused: nothing but a comment
/* SELECT 1 */
-- refused: nothing
;;
-- refused: an open comment
SELECT 1 /* SELECT
-- refused: a transaction
BEGIN TRANSACTION
-- refused: ends a transaction
ROLLBACK
-- refused: prepares
PREPARE p AS SELECT 1
-- refused: executes
EXECUTE p
-- refused: forgets
DEALLOCATE p
-- refused: explains, and would run
EXPLAIN ANALYZE SELECT * FROM {table}
-- refused: describes
DESCRIBE {table}
-- refused: summarizes
SUMMARIZE {table}
-- refused: shows
SHOW ALL TABLES
-- refused: describes in a subquery
SELECT * FROM (DESCRIBE {table})
-- refused: shows databases in a subquery
SELECT * FROM (SHOW DATABASES)
-- refused: a pivot that makes a type first
PIVOT {table} ON amount USING count(*)
-- refused: a Python variable of the parent
SELECT * FROM marker_frame
-- refused: a Python variable of the worker
SELECT * FROM connection
-- refused: a Python variable of the worker's request
SELECT * FROM tables
-- refused: a pointer to a stream
SELECT * FROM arrow_scan(1, 2, 3)
-- refused: a pointer to a frame
SELECT * FROM pandas_scan(140000000000000)
-- refused: a pointer to a function
SELECT * FROM python_map_function(140000000000000)
-- refused: an internal scan
SELECT * FROM seq_scan('{table}')
-- refused: the environment
SELECT getenv('RDL_MARKER')
-- refused: a variable
SELECT getvariable('x')
-- refused: a setting that is a path
SELECT current_setting('temp_directory')
-- refused: a setting, in capitals and of a schema
SELECT pg_catalog."CURRENT_SETTING"('secret_directory')
-- refused: a plan that shows paths
SELECT json_serialize_plan('SELECT * FROM visits')
-- refused: the text of a view
SELECT pg_get_viewdef(oid) FROM (SELECT 1 AS oid)
-- refused: secrets
SELECT * FROM duckdb_secrets()
-- refused: which secret
SELECT * FROM which_secret('s3://x', 's3')
-- refused: settings
SELECT * FROM duckdb_settings()
-- refused: variables
SELECT * FROM duckdb_variables()
-- refused: databases, with their paths
SELECT * FROM duckdb_databases()
-- refused: databases by a view
SELECT path FROM duckdb_databases
-- refused: databases by a pragma's view
SELECT * FROM pragma_database_list
-- refused: texts of views, with their paths
SELECT sql FROM duckdb_views()
-- refused: texts of views by another name
SELECT sql FROM sqlite_master
-- refused: texts of views by a third name
SELECT definition FROM pg_catalog.pg_views
-- refused: tables by the standard's name
SELECT * FROM information_schema.tables
-- refused: files that were spilled
SELECT * FROM duckdb_temporary_files()
-- refused: files that were cached
SELECT * FROM duckdb_external_file_cache()
-- refused: memory
SELECT * FROM duckdb_memory()
-- refused: extensions
SELECT * FROM duckdb_extensions()
-- refused: statements of others
SELECT * FROM duckdb_prepared_statements()
-- refused: where a table lies in the file
SELECT * FROM pragma_storage_info('{table}')
-- refused: a table of another catalog
SELECT * FROM temp.main.{table}
-- refused: logs to a file
SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')
-- refused: writes to the log
SELECT write_log('x')
-- refused: profiles to a file
SELECT * FROM enable_profiling(format = 'json', save_location = '{out}')
-- refused: makes a resource
SELECT * FROM create_external_resource('x')
-- refused: a query longer than people write
SELECT 1 {40000x+ 1}
-- refused: deeper than the parser goes
SELECT {5000x(}1{5000x)}
-- refused: deeper than people write
SELECT * FROM {3000x(SELECT * FROM }{table}{3000x)}
-- refused: a zero byte
SELECT 1 {0}; DROP VIEW {table}
-- refused: half a character
SELECT '{surrogate}'
-- refused: a name of a hundred thousand letters
SELECT * FROM {90000xa}

-- harmless: a statement in a string
SELECT '; DROP VIEW {table}' AS x
-- harmless: a file's name in a string
SELECT '{secret}' = 'read_text' AS x
-- harmless: a file's name as a column
SELECT 1 AS "/etc/passwd"
-- harmless: a comment behind a semicolon
SELECT 1 AS x; -- DROP VIEW {table}
-- harmless: a plan's text
SELECT length(json_serialize_sql('COPY x TO y')) > 0 AS x
-- harmless: a common table expression of a table function's name
WITH read_text AS (SELECT 1 AS x) SELECT * FROM read_text
-- harmless: who runs it
SELECT current_user, current_database(), current_schema()

-- stopped: endless recursion
WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r
-- stopped: recursion that doubles
WITH RECURSIVE r AS (SELECT 'ab' AS s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r
-- stopped: a cross join
SELECT count(*) FROM range(100000000000) a, range(100000) b
-- stopped: a cross join of a table with itself
SELECT sum(a.amount * b.amount) FROM {table} a {30x, {table}} b
-- stopped: endless rows
SELECT * FROM range(100000000000)
-- stopped: endless series
SELECT sum(length(x::VARCHAR)) FROM generate_series(1, 9000000000000000000) t(x)
-- stopped: endless unnest
SELECT unnest(range(1000000000)) AS x
-- stopped: endless repeat
SELECT count(*) FROM (SELECT hash(x) AS h FROM repeat('abc', 1000000000000) t(x)) WHERE h = 7
-- stopped: one long string
SELECT length(repeat('a', 4000000000)) AS n
-- stopped: one string by powers
SELECT length(repeat(repeat(repeat('abcdefgh', 10000), 10000), 10000)) AS n
-- stopped: one padded string
SELECT length(lpad('a', 2000000000, 'b')) AS n
-- stopped: one aggregated string
SELECT length(string_agg(repeat('x', 1000), ',')) AS n FROM range(100000000)
-- stopped: one long list
SELECT list_sum(list_transform(range(300000000), lambda x: x + 1)) AS n
-- stopped: a list of lists
SELECT len(list_transform(range(1000000), lambda x: range(1000000))) AS n
-- stopped: one aggregated list
SELECT len(list(x)) AS n FROM range(10000000000) t(x)
-- stopped: one JSON document
SELECT length(to_json(list_transform(range(100000000), lambda x: {'a': x}))::VARCHAR) AS n
-- stopped: JSON apart
SELECT count(*) AS n FROM json_each(to_json(range(100000000)))
-- stopped: an expression too long to match
SELECT count(*) AS n FROM range(10000000) t(i) WHERE regexp_matches(repeat('a', 5000) || i, '(a|aa|aaa|a*)*(.*a){20}b')
-- stopped: an expression that replaces everything by more
SELECT length(regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000000), 'g')) AS n
-- stopped: a sort
SELECT * FROM (SELECT hash(i) AS h, repeat('x', 500) AS s FROM range(1000000000) t(i)) ORDER BY h, s
-- stopped: a window over everything
SELECT max(m) FROM (SELECT median(i) OVER (ORDER BY hash(i) ROWS BETWEEN 1000000 PRECEDING AND CURRENT ROW) AS m FROM range(5000000) t(i))
-- stopped: a group of everything
SELECT count(*) FROM (SELECT hash(i) AS h, count(*) FROM range(10000000000) t(i) GROUP BY h)
-- stopped: every distinct string
SELECT count(DISTINCT md5(i::VARCHAR)) FROM range(10000000000) t(i)
-- stopped: a matrix that aborts the process
SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000)) AS n
-- stopped: sleeps
SELECT sleep_ms(100000)
-- stopped: sleeps under another name
SELECT pg_sleep(100)
-- stopped: an expensive join
SELECT count(*) FROM range(1000000) a(i) JOIN range(1000000) b(j) ON (a.i * b.j) % 1000003 = 7
-- stopped: brackets that exhaust the parser
SELECT {30000x(}
-- stopped: nested expressions that exhaust the parser
{14xWITH a AS (}1
-- stopped: a list of a million in a long query of sets
SELECT count(*) FROM range(100000000000) t(i) WHERE i IN ({10000x1,}2)
-- stopped: a product of grouping sets
SELECT count(*) FROM range(100000) t(a) GROUP BY CUBE (a, a+1, a+2, a+3, a+4, a+5, a+6, a+7, a+8, a+9, a+10, a+11, a+12)
-- stopped: an error of a hundred megabytes
SELECT error(repeat('x', 100000000))
