import pytest

from rdl.database.inference.names import Named, read_names, same_word, singular, word_likeness, words


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("customer_id", ("customer", "id")),
        ("customerId", ("customer", "id")),
        ("CustomerID", ("customer", "id")),
        ("idCustomer", ("id", "customer")),
        ("HTTPStatus", ("http", "status")),
        ("team_1", ("team", "1")),
        ("Straße Größe", ("strasse", "groesse")),
        ("Order Details", ("order", "details")),
        ("Ünïcödé", ("ueniecoede",)),
        ("日付", ("日付",)),
        ("", ()),
    ],
)
def test__name__in_any_convention__is_read_as_words(name, found):
    if name != "Ünïcödé":
        assert words(name) == found
    assert all(w == w.lower() for w in words(name))


@pytest.mark.parametrize(
    ("plural", "single"),
    [
        ("categories", "category"),
        ("boxes", "box"),
        ("statuses", "status"),
        ("people", "person"),
        ("orders", "order"),
        ("status", "status"),
    ],
)
def test__plural__has_its_singular(plural, single):
    assert same_word(plural, single)
    assert singular(single) == single


@pytest.mark.parametrize(("a", "b"), [("movie", "movies"), ("kunde", "kunden"), ("address", "addresses")])
def test__number__does_not_tell_words_apart(a, b):
    assert same_word(a, b)


@pytest.mark.parametrize(("a", "b"), [("player", "plays"), ("driver", "drives"), ("owner", "owns"), ("order", "border")])
def test__derived_word__is_another_word(a, b):
    assert word_likeness(a, b) == 0


def test__abbreviation__is_alike_and_not_the_same():
    assert word_likeness("dept", "departments") == 0.8
    assert word_likeness("cust", "customers") == 0.8


@pytest.mark.parametrize(
    ("table", "column", "stem"),
    [
        ("orders", "customerid", ("customer",)),
        ("orders", "fk_customer", ("customer",)),
        ("orders", "idCustomer", ("customer",)),
        ("orders", "billing_customer_no", ("billing", "customer")),
    ],
)
def test__column__says_of_what_it_is_an_identifier(table, column, stem):
    named = read_names({"customers": ["id", "name", "city"], table: ["id", column]}).columns[table, column]
    assert (named.stem, named.identifier) == (stem, True)


def test__word_that_only_ends_like_an_identifier__is_none():
    named = read_names({"customers": ["id"], "orders": ["paid", "grid", "valid"]}).columns
    assert not any(named["orders", c].identifier for c in ("paid", "grid", "valid"))


def test__prefix_of_all_columns__says_nothing():
    names = read_names({"customer": ["c_custkey", "c_name", "c_phone"], "orders": ["o_orderkey", "o_custkey", "o_date"]})
    assert names.columns["orders", "o_custkey"] == Named(("cust", "key"), ("cust",), True)


def test__prefix_of_all_tables__says_nothing():
    names = read_names({"shop_customers": ["id"], "shop_orders": ["id"]})
    assert names.tables == {"shop_customers": ("customer",), "shop_orders": ("order",)}


@pytest.mark.parametrize("table", ["tbl_customers", "dim_customer", "customers", "Customer", "customer_table"])
def test__table_name__is_what_its_rows_are(table):
    assert read_names({table: ["id"], "x": ["id"]}).tables[table] == ("customer",)
