from rdl.database.inference import Aspect, propose
from tests.database.inference.reading import from_sql


def _key(sql):
    ask, relations = from_sql(sql)
    queries = []

    def counted(query):
        queries.append(query)
        return ask(query)

    return propose(counted, relations), queries


def test__line_number__completes_the_key():
    proposals, _ = _key(
        "CREATE TABLE lines AS SELECT range // 4 AS order_id, range % 4 AS line_no, hash(range) % 50 AS product_id FROM range(4000)"
    )
    assert proposals.declared()["lines"].key == ("order_id", "line_no")


def test__three_columns__are_found():
    proposals, _ = _key(
        "CREATE TABLE prices AS SELECT p AS product_id, s AS store_id, w AS week, hash(p, s, w) % 9 AS price "
        "FROM range(40) a(p), range(15) b(s), range(12) c(w)"
    )
    assert proposals.declared()["prices"].key == ("product_id", "store_id", "week")


def test__doubled_rows__have_no_key():
    proposals, _ = _key("CREATE TABLE t AS SELECT range % 500 AS a_id, range % 50 AS b_id, range % 5 AS week FROM range(1000)")
    assert proposals.declared()["t"].key == ()
    assert not [p for p in proposals.items if p.aspect is Aspect.KEY]


def test__combination_that_may_be_unique_by_accident__is_listed():
    proposals, _ = _key("CREATE TABLE t AS SELECT hash(range) % 40 AS a_id, hash(range, 1) % 40 AS b_id FROM range(16)")
    assert proposals.declared()["t"].key == ()


def test__fifty_columns__are_not_all_combined():
    columns = ", ".join(f"hash(range, {i}) % 40 AS thing_{i}_id" for i in range(50))
    proposals, queries = _key(f"CREATE TABLE wide AS SELECT {columns} FROM range(3000)")
    assert len(queries) < 120
    assert proposals.declared()["wide"].key == ()


def test__large_table__is_searched_on_rows_that_share_values():
    proposals, queries = _key(
        "CREATE TABLE visits AS SELECT range // 5 AS session_id, range % 5 AS step, hash(range) % 99 AS page_id FROM range(200000)"
    )
    assert proposals.declared()["visits"].key == ("session_id", "step")
    assert any("% 10 = 0" in q for q in queries)
