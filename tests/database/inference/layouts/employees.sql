-- Staff records in the manner of the employees sample database: abbreviations, text codes, periods of validity, keys of several columns.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE TABLE employees AS SELECT 10000 + i AS emp_no, DATE '1952-01-01' + pick(i, 1, 4500) AS birth_date, 'First' || pick(i, 2, 200) AS first_name,
    ['M', 'F'][pick(i, 3, 2)] AS gender, DATE '1985-01-01' + pick(i, 4, 5000) AS hire_date FROM range(1, 3001) r(i);
CREATE TABLE departments AS SELECT 'd' || lpad(CAST(i AS VARCHAR), 3, '0') AS dept_no, 'Department ' || i AS dept_name FROM range(1, 10) r(i);
CREATE TABLE dept_emp AS SELECT 10000 + i AS emp_no, 'd' || lpad(CAST(1 + (pick(i, 5, 9) + k) % 9 AS VARCHAR), 3, '0') AS dept_no,
    DATE '1985-01-01' + pick(i, 4, 5000) + CAST(k * 700 AS INTEGER) AS from_date,
    CASE WHEN k = 0 THEN DATE '9999-01-01' ELSE DATE '2001-01-01' END AS to_date FROM range(1, 3001) r(i), range(0, 2) s(k) WHERE k = 0 OR i % 9 = 0;
CREATE TABLE dept_manager AS SELECT 10000 + i * 120 AS emp_no, 'd' || lpad(CAST(1 + i % 9 AS VARCHAR), 3, '0') AS dept_no,
    DATE '1987-01-01' + pick(i, 6, 3000) AS from_date, DATE '9999-01-01' AS to_date FROM range(1, 25) r(i);
CREATE TABLE salaries AS SELECT 10000 + i AS emp_no, 40000 + pick(i * 20 + y, 7, 60000) AS salary, DATE '1985-01-01' + pick(i, 4, 5000) + CAST(y * 365 AS INTEGER) AS from_date,
    DATE '1986-01-01' + pick(i, 4, 5000) + CAST(y * 365 AS INTEGER) AS to_date FROM range(1, 3001) r(i), range(0, 9) s(y) WHERE y < pick(i, 8, 9);
CREATE TABLE titles AS SELECT 10000 + i AS emp_no, ['Staff', 'Engineer', 'Staff'][1 + k] AS title, DATE '1985-01-01' + pick(i, 4, 5000) + CAST(k * 900 AS INTEGER) AS from_date,
    DATE '1988-01-01' + pick(i, 4, 5000) + CAST(k * 900 AS INTEGER) AS to_date FROM range(1, 3001) r(i), range(0, 3) s(k) WHERE k < pick(i, 9, 3);
