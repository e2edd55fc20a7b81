-- A German wholesaler: table prefixes, compounds, numbers called Nr, a key of two columns, dates as texts.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE TABLE "tbl_Kunden" AS SELECT 10000 + i AS "KundenNr", 'Vorname' || pick(i, 1, 40) AS "Vorname", 'Name' || pick(i, 2, 300) AS "Nachname",
    DATE '1950-01-01' + pick(i, 3, 18000) AS "Geburtsdatum", TIMESTAMP '2018-01-01' + to_hours(CAST(i * 20 AS BIGINT)) AS "angelegt_am"
    FROM range(1, 501) r(i);
CREATE TABLE "tbl_Warengruppen" AS SELECT i AS "WarengruppenID", 'Gruppe ' || i AS "Bezeichnung" FROM range(1, 13) r(i);
CREATE TABLE "tbl_Artikel" AS SELECT 500 + i AS "ArtikelNr", 'Artikel ' || i AS "Bezeichnung", pick(i, 4, 900) / 10.0 AS "Preis",
    pick(i, 5, 12) AS "WarengruppenID" FROM range(1, 201) r(i);
CREATE TABLE "tbl_Bestellungen" AS SELECT 70000 + i AS "BestellNr", 10000 + pick(i, 6, 500) AS "KundenNr",
    strftime(DATE '2020-01-01' + CAST(i // 3 AS INTEGER), '%d.%m.%Y') AS "Bestelldatum",
    strftime(DATE '2020-01-01' + CAST(i // 3 AS INTEGER) + pick(i, 7, 9), '%d.%m.%Y') AS "Lieferdatum",
    1 + pick(i, 8, 14) AS "MitarbeiterID" FROM range(1, 2001) r(i);
CREATE TABLE "tbl_Bestellpositionen" AS SELECT 70000 + o AS "BestellNr", p AS "PosNr", 500 + pick(o * 9 + p, 9, 200) AS "ArtikelNr",
    pick(o * 9 + p, 10, 20) AS "Menge", pick(o * 9 + p, 11, 900) / 10.0 AS "Einzelpreis"
    FROM range(1, 2001) r(o), range(1, 5) s(p) WHERE p <= pick(o, 12, 4);
CREATE TABLE "tbl_Mitarbeiter" AS SELECT i AS "MitarbeiterID", 'Person ' || i AS "Name", CASE WHEN i > 1 THEN pick(i, 13, 3) END AS "Vorgesetzter"
    FROM range(1, 16) r(i);
