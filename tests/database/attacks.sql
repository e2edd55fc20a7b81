-- Each entry: a line `-- refused` (it must raise SqlError at once), `-- stopped` (it must end by the time or memory limit, as an
-- error) or `-- harmless` (it may answer, but nothing of the outside: no marker text, no change). {secret} is a file that holds
-- the marker, {out} a path that must not come to be, {db} the database file, {table} one of its tables.
-- refused: reads a file
SELECT * FROM read_text('{secret}')
-- refused: reads a file
SELECT * FROM read_blob('{secret}')
-- refused: reads a file
SELECT * FROM read_csv('{secret}')
-- refused: reads a file
SELECT * FROM read_csv_auto('{secret}', auto_detect = true)
-- refused: reads a file
SELECT * FROM read_json('{secret}')
-- refused: reads a file
SELECT * FROM read_json_objects_auto('{secret}')
-- refused: reads a file
SELECT * FROM read_parquet('{secret}')
-- refused: reads a file
SELECT * FROM parquet_metadata('{secret}')
-- refused: reads a file
SELECT * FROM sniff_csv('{secret}')
-- refused: reads a file by its name
SELECT * FROM '{secret}'
-- refused: reads a file by its quoted name
SELECT * FROM "{secret}"
-- refused: lists files
SELECT * FROM glob('/*')
-- refused: reads inside of a query function
SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')
-- refused: reads inside of a serialized query
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))
-- refused: reads in a scalar subquery
SELECT (SELECT content FROM read_text('{secret}')) AS x
-- refused: reads in a common table expression
WITH x AS MATERIALIZED (SELECT * FROM read_text('{secret}')) SELECT * FROM x
-- refused: reads over the network
SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')
-- refused: reads from a bucket
SELECT * FROM 's3://bucket/x.parquet'
-- refused: writes a file
COPY {table} TO '{out}'
-- refused: writes a file from a query
COPY (SELECT 42) TO '{out}' (FORMAT parquet)
-- refused: reads into a table
COPY {table} FROM '{secret}'
-- refused: writes a folder
EXPORT DATABASE '{out}'
-- refused: reads a folder
IMPORT DATABASE '{out}'
-- refused: opens a file to write
ATTACH '{out}' AS other
-- refused: opens the database to write
ATTACH '{db}' AS again (READ_WRITE)
-- refused: closes the database
DETACH db
-- refused: changes the database
USE memory
-- refused: downloads code
INSTALL httpfs
-- refused: loads code
LOAD httpfs
-- refused: loads a file as code
LOAD '{secret}'
-- refused: opens the wall
SET enable_external_access = true
-- refused: opens the wall
RESET lock_configuration
-- refused: raises its own limits
SET memory_limit = '100GB'
-- refused: raises its own limits
SET GLOBAL threads = 64
-- refused: a pragma
PRAGMA memory_limit = '100GB'
-- refused: a pragma that writes
PRAGMA enable_profiling = 'json'
-- refused: a call
CALL pragma_database_size()
-- refused: a call
CALL force_checkpoint()
-- refused: checkpoints
CHECKPOINT db
-- refused: empties
VACUUM
-- refused: makes a table
CREATE TABLE x AS SELECT 1
-- refused: makes a table in the database
CREATE OR REPLACE TABLE db.rows.{table} AS SELECT 1
-- refused: makes a view
CREATE TEMP VIEW {table} AS SELECT 1
-- refused: makes a macro
CREATE MACRO upper(x) AS 'owned'
-- refused: makes a secret
CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')
-- refused: inserts
INSERT INTO {table} SELECT * FROM {table}
-- refused: inserts behind a common table expression
WITH x AS (SELECT 1) INSERT INTO {table} SELECT * FROM {table}
-- refused: updates
UPDATE db.rows.{table} SET _time = 0
-- refused: deletes
DELETE FROM db.rows.{table}
-- refused: truncates
TRUNCATE db.rows.{table}
-- refused: merges
MERGE INTO db.rows.{table} t USING (SELECT 0 AS r) s ON t._row = s.r WHEN MATCHED THEN DELETE
-- refused: drops
DROP VIEW {table}
-- refused: drops
DROP SCHEMA db.rows CASCADE
-- refused: alters
ALTER TABLE db.rows.{table} RENAME TO stolen
-- refused: stacked
SELECT 1; DROP VIEW {table}
-- refused: stacked
SELECT 1; COPY (SELECT 1) TO '{out}'
-- refused: stacked behind a comment
SELECT 1 /* ; */ ; /* SELECT */ DELETE FROM db.rows.{table}
-- refused: stacked behind a line
SELECT 1; --
COPY (SELECT 1) TO '{out}'
-- refused: nothing but a comment
/* SELECT 1 */
-- refused: nothing
;;
-- refused: a transaction
BEGIN TRANSACTION
-- refused: prepares
PREPARE p AS SELECT 1
-- refused: executes
EXECUTE p
-- refused: explains, and would run
EXPLAIN ANALYZE SELECT * FROM {table}
-- refused: a Python variable of this process
SELECT * FROM marker_frame
-- refused: a Python variable of the worker
SELECT * FROM connection
-- refused: a Python variable of the worker
SELECT * FROM tables
-- refused: a pointer
SELECT * FROM arrow_scan(1, 2, 3)
-- refused: a pointer
SELECT * FROM pandas_scan(140000000000000)
-- refused: the environment
SELECT getenv('RDL_MARKER')
-- refused: logs to a file
SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')
-- refused: a query text longer than people write
SELECT 1 {padding}
-- refused: nested deeper than the parser goes
SELECT {parens}
-- harmless: secrets
SELECT * FROM duckdb_secrets()
-- harmless: settings
SELECT * FROM duckdb_settings()
-- harmless: variables
SELECT * FROM duckdb_variables()
-- harmless: databases
SELECT database_name FROM duckdb_databases()
-- harmless: a checkpoint of nothing
SELECT * FROM checkpoint()
-- harmless: a table by its name as text
SELECT * FROM query_table('{table}')
-- harmless: a statement in a string
SELECT '; DROP VIEW {table}' AS x
-- stopped: endless recursion
WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r
-- stopped: a cross join
SELECT count(*) FROM range(100000000000) a, range(100000) b
-- stopped: endless rows
SELECT * FROM range(100000000000)
-- stopped: one long string
SELECT length(repeat('a', 4000000000)) AS n
-- stopped: one long list
SELECT list_sum(list_transform(range(300000000), lambda x: x + 1)) AS n
-- stopped: a matrix that aborts the process
SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000)) AS n
-- stopped: sleeps
SELECT sleep_ms(100000)
-- stopped: an expensive join
SELECT count(*) FROM range(1000000) a(i) JOIN range(1000000) b(j) ON (a.i * b.j) % 1000003 = 7
