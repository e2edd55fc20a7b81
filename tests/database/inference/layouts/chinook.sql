-- A music shop in the manner of Chinook: singular table names, keys named after them.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE TABLE "Artist" AS SELECT CAST(i AS INTEGER) AS "ArtistId", 'Artist ' || i AS "Name" FROM range(1, 276) r(i);
CREATE TABLE "Album" AS SELECT CAST(i AS INTEGER) AS "AlbumId", 'Title ' || i AS "Title", pick(i, 1, 275) AS "ArtistId" FROM range(1, 348) r(i);
CREATE TABLE "MediaType" AS SELECT CAST(i AS INTEGER) AS "MediaTypeId", 'Type ' || i AS "Name" FROM range(1, 6) r(i);
CREATE TABLE "Genre" AS SELECT CAST(i AS INTEGER) AS "GenreId", 'Genre ' || i AS "Name" FROM range(1, 26) r(i);
CREATE TABLE "Track" AS SELECT CAST(i AS INTEGER) AS "TrackId", 'Track ' || pick(i, 2, 3000) AS "Name", pick(i, 3, 347) AS "AlbumId",
    pick(i, 4, 5) AS "MediaTypeId", pick(i, 5, 25) AS "GenreId", 'Composer ' || pick(i, 6, 400) AS "Composer",
    100000 + pick(i, 7, 500000) AS "Milliseconds", pick(i, 8, 9000000) AS "Bytes", 0.99 AS "UnitPrice" FROM range(1, 3504) r(i);
CREATE TABLE "Employee" AS SELECT CAST(i AS INTEGER) AS "EmployeeId", 'Last' || i AS "LastName", 'First' || i AS "FirstName",
    CASE WHEN i > 1 THEN CASE WHEN i IN (2, 6) THEN 1 WHEN i < 6 THEN 2 ELSE 6 END END AS "ReportsTo",
    TIMESTAMP '1950-01-01' + to_days(pick(i, 9, 9000)) AS "BirthDate", TIMESTAMP '2002-04-01' + to_days(pick(i, 10, 700)) AS "HireDate",
    'e' || i || '@chinook.com' AS "Email" FROM range(1, 9) r(i);
CREATE TABLE "Customer" AS SELECT CAST(i AS INTEGER) AS "CustomerId", 'First' || i AS "FirstName", 'Last' || i AS "LastName",
    'Country ' || pick(i, 11, 24) AS "Country", 'c' || i || '@mail.com' AS "Email", 2 + pick(i, 12, 3) AS "SupportRepId" FROM range(1, 60) r(i);
CREATE TABLE "Invoice" AS SELECT CAST(i AS INTEGER) AS "InvoiceId", pick(i, 13, 59) AS "CustomerId",
    TIMESTAMP '2009-01-01' + to_days(CAST(i * 4 AS INTEGER)) AS "InvoiceDate", 'City ' || pick(i, 14, 50) AS "BillingCity",
    pick(i, 15, 20) + 0.99 AS "Total" FROM range(1, 413) r(i);
CREATE TABLE "InvoiceLine" AS SELECT CAST(i AS INTEGER) AS "InvoiceLineId", CAST(1 + (i - 1) // 6 AS INTEGER) AS "InvoiceId",
    pick(i, 16, 3503) AS "TrackId", 0.99 AS "UnitPrice", 1 AS "Quantity" FROM range(1, 2241) r(i);
CREATE TABLE "Playlist" AS SELECT CAST(i AS INTEGER) AS "PlaylistId", 'List ' || pick(i, 17, 14) AS "Name" FROM range(1, 19) r(i);
CREATE TABLE "PlaylistTrack" AS SELECT DISTINCT pick(i, 18, 18) AS "PlaylistId", pick(i, 19, 3503) AS "TrackId" FROM range(1, 8716) r(i);
