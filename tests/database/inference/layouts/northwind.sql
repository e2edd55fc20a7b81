-- A trading company in the manner of Northwind: PascalCase, text keys, a table of order lines without a key of its own.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE TABLE "Customers" AS SELECT upper(md5('c' || i))[1:5] AS "CustomerID", 'Company ' || i AS "CompanyName", 'Person ' || i AS "ContactName",
    'City ' || pick(i, 1, 30) AS "City", 'Country ' || pick(i, 2, 9) AS "Country" FROM range(1, 92) r(i);
CREATE TABLE "Employees" AS SELECT CAST(i AS INTEGER) AS "EmployeeID", 'Last' || i AS "LastName", 'First' || pick(i, 3, 7) AS "FirstName",
    DATE '1950-01-01' + pick(i, 4, 9000) AS "BirthDate", DATE '1992-01-01' + pick(i, 5, 800) AS "HireDate",
    CASE WHEN i <> 2 THEN CASE WHEN i < 6 THEN 2 ELSE 5 END END AS "ReportsTo" FROM range(1, 10) r(i);
CREATE TABLE "Shippers" AS SELECT CAST(i AS INTEGER) AS "ShipperID", 'Shipper ' || i AS "CompanyName" FROM range(1, 4) r(i);
CREATE TABLE "Suppliers" AS SELECT CAST(i AS INTEGER) AS "SupplierID", 'Supplier ' || i AS "CompanyName", 'City ' || pick(i, 6, 20) AS "City"
    FROM range(1, 30) r(i);
CREATE TABLE "Categories" AS SELECT CAST(i AS INTEGER) AS "CategoryID", 'Category ' || i AS "CategoryName", 'About ' || i AS "Description"
    FROM range(1, 9) r(i);
CREATE TABLE "Products" AS SELECT CAST(i AS INTEGER) AS "ProductID", 'Product ' || i AS "ProductName", pick(i, 7, 29) AS "SupplierID",
    pick(i, 8, 8) AS "CategoryID", pick(i, 9, 90) + 0.5 AS "UnitPrice", pick(i, 10, 120) AS "UnitsInStock", pick(i, 11, 5) * 10 AS "ReorderLevel",
    pick(i, 12, 9) = 1 AS "Discontinued" FROM range(1, 78) r(i);
CREATE TABLE "Orders" AS SELECT CAST(10247 + i AS INTEGER) AS "OrderID", upper(md5('c' || pick(i, 13, 91)))[1:5] AS "CustomerID",
    pick(i, 14, 9) AS "EmployeeID", DATE '1996-07-04' + CAST(i // 1.2 AS INTEGER) AS "OrderDate",
    DATE '1996-07-04' + CAST(i // 1.2 AS INTEGER) + 28 AS "RequiredDate",
    CASE WHEN i < 810 THEN DATE '1996-07-04' + CAST(i // 1.2 AS INTEGER) + pick(i, 15, 12) END AS "ShippedDate",
    pick(i, 16, 3) AS "ShipVia", pick(i, 17, 400) / 3.0 AS "Freight", 'City ' || pick(i, 18, 30) AS "ShipCity" FROM range(1, 831) r(i);
CREATE TABLE "Order Details" AS SELECT CAST(10247 + o AS INTEGER) AS "OrderID", CAST(1 + (hash(o) + l * 17) % 77 AS INTEGER) AS "ProductID",
    pick(o * 5 + l, 19, 90) + 0.5 AS "UnitPrice", pick(o * 5 + l, 20, 60) AS "Quantity", pick(o * 5 + l, 21, 5) / 20.0 AS "Discount"
    FROM range(1, 831) r(o), range(0, 3) s(l) WHERE l <= pick(o, 22, 3) - 1;
CREATE TABLE "Region" AS SELECT CAST(i AS INTEGER) AS "RegionID", ['Eastern', 'Western', 'Northern', 'Southern'][i] AS "RegionDescription"
    FROM range(1, 5) r(i);
CREATE TABLE "Territories" AS SELECT lpad(CAST(1000 + i * 37 AS VARCHAR), 5, '0') AS "TerritoryID", 'Territory ' || i AS "TerritoryDescription",
    pick(i, 23, 4) AS "RegionID" FROM range(1, 54) r(i);
CREATE TABLE "EmployeeTerritories" AS SELECT CAST(1 + i % 9 AS INTEGER) AS "EmployeeID", lpad(CAST(1000 + i * 37 AS VARCHAR), 5, '0') AS "TerritoryID"
    FROM range(1, 50) r(i);
