-- A forum in the manner of the Stack Exchange dump: every key is called Id, references carry roles, types have no table.
CREATE MACRO pick(i, seed, n) AS CAST(1 + hash(i * 7919 + seed) % n AS INTEGER);
CREATE MACRO moment(i) AS TIMESTAMP '2015-01-01' + to_minutes(CAST(i * 700 AS BIGINT));
CREATE TABLE "Users" AS SELECT i AS "Id", pick(i, 1, 5000) AS "Reputation", moment(i) AS "CreationDate", 'User' || i AS "DisplayName",
    moment(i + 400) AS "LastAccessDate", pick(i, 2, 900) AS "Views", pick(i, 3, 90) AS "UpVotes", 90000 + i * 3 AS "AccountId" FROM range(1, 1201) r(i);
CREATE TABLE "Posts" AS SELECT i AS "Id", pick(i, 4, 2) AS "PostTypeId", CASE WHEN pick(i, 4, 2) = 2 AND i > 20 THEN pick(i, 5, 15) + 1 END AS "ParentId",
    moment(i) AS "CreationDate", pick(i, 6, 40) - 5 AS "Score", pick(i, 7, 4000) AS "ViewCount", 'Some long text about things number ' || i AS "Body",
    CASE WHEN i % 40 > 0 THEN pick(i, 8, least(i, 1200)) END AS "OwnerUserId", CASE WHEN i % 3 = 0 THEN pick(i, 9, 1200) END AS "LastEditorUserId",
    CASE WHEN i % 3 = 0 THEN moment(i + 30) END AS "LastEditDate", moment(i + 60) AS "LastActivityDate",
    CASE WHEN i % 50 = 0 THEN moment(i + 90) END AS "ClosedDate",
    ['sql|python', 'python', 'sql|duckdb|time', 'time', 'duckdb|sql', 'graph|python', 'graph'][pick(i, 10, 7)] AS "Tags",
    pick(i, 11, 6) - 1 AS "AnswerCount" FROM range(1, 3001) r(i);
CREATE TABLE "Comments" AS SELECT i AS "Id", pick(i, 12, 3000) AS "PostId", pick(i, 13, 9) - 1 AS "Score", 'A remark of some words ' || i AS "Text",
    moment(i + 3000) AS "CreationDate", pick(i, 14, 1200) AS "UserId" FROM range(1, 4001) r(i);
CREATE TABLE "Votes" AS SELECT i AS "Id", pick(i, 15, 3000) AS "PostId", pick(i, 16, 15) AS "VoteTypeId",
    CASE WHEN i % 10 = 0 THEN pick(i, 17, 1200) END AS "UserId", CAST(moment(i + 10) AS DATE) AS "CreationDate" FROM range(1, 9001) r(i);
CREATE TABLE "Badges" AS SELECT i AS "Id", pick(i, 18, 1200) AS "UserId", 'Badge ' || pick(i, 19, 20) AS "Name", moment(i) AS "Date",
    pick(i, 20, 3) AS "Class" FROM range(1, 2001) r(i);
CREATE TABLE "PostLinks" AS SELECT i AS "Id", moment(i * 5) AS "CreationDate", pick(i, 21, 3000) AS "PostId", pick(i, 22, 3000) AS "RelatedPostId",
    CASE WHEN i % 9 = 0 THEN 3 ELSE 1 END AS "LinkTypeId" FROM range(1, 401) r(i);
CREATE TABLE "PostHistory" AS SELECT i AS "Id", pick(i, 23, 6) AS "PostHistoryTypeId", pick(i, 24, 3000) AS "PostId", CAST(md5('h' || i) AS VARCHAR) AS "RevisionGUID",
    moment(i) AS "CreationDate", pick(i, 25, 1200) AS "UserId", 'What was written before number ' || i AS "Text" FROM range(1, 5001) r(i);
CREATE TABLE "Tags" AS SELECT i AS "Id", 'tag' || i AS "TagName", pick(i, 26, 800) AS "Count", pick(i, 27, 3000) AS "ExcerptPostId",
    pick(i, 28, 3000) AS "WikiPostId" FROM range(1, 101) r(i);
