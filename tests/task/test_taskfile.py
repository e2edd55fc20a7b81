"""Task files: the header, the two queries, and every way in which they can be wrong."""

from pathlib import Path

import pytest

from rdl.errors import TaskError
from rdl.task import METRICS, Kind
from rdl.task.taskfile import read_task_file
from rdl.timeline import DAY, parse_time
from tests.task.schemas import schema, table

HEADER = """/* rdl
task     = "churn"
kind     = "binary"
entity   = "customers"
horizon  = "30 days"
every    = "7 days"
validate = 2025-08-01
test     = 2025-09-01
metric   = "roc_auc"
*/
"""
POPULATION = "SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff"
LABEL = "SELECT c.cutoff, u.customer_id, 1 AS label FROM cutoffs c CROSS JOIN customers u"
BODY = f"-- population: who is scored; sees only the past.\n{POPULATION}\n-- label: what became of them.\n{LABEL};\n"
SCHEMA = schema(
    table("customers", "customer_id", time="created_at", city="categorical", vip="boolean", credit="numeric", note="text"),
    table("orders", "order_id"),
    table("shops", "town", "number"),
    table("a.b", "id", size="numeric"),
    table("loose"),
)


def read(folder: Path, text: str):
    path = folder / "churn.sql"
    path.write_text(text, encoding="utf-8")
    return read_task_file(path, SCHEMA)


def test__task_file__of_the_design(tmp_path):
    task = read(tmp_path, HEADER + BODY)
    assert (task.name, task.kind, task.entity_table, task.entity_columns) == ("churn", Kind.BINARY, "customers", ("customer_id",))
    assert (task.horizon, task.every, task.metric) == (30 * DAY, 7 * DAY, "roc_auc")
    assert (task.validate, task.test) == (parse_time("2025-08-01"), parse_time("2025-09-01"))
    assert (task.population_sql, task.label_sql) == (POPULATION, LABEL)
    assert (task.closed, task.grid, task.cutoff_column, task.label_column) == (False, ("cutoffs", "cutoff"), "cutoff", "label")


@pytest.mark.parametrize(
    ("body", "population"),
    [
        (LABEL, None),
        (f"{LABEL};", None),
        (f"{POPULATION};\n{LABEL}; -- done", POPULATION),
        (f"-- LABEL\n{LABEL}\n-- Population\n{POPULATION}", POPULATION),
        (f"--label: alone\n{LABEL}", None),
    ],
)
def test__queries__may_be_marked_or_divided(tmp_path, body, population):
    task = read(tmp_path, HEADER + body)
    assert (task.population_sql, task.label_sql) == (population, LABEL)


def test__semicolon_in_a_string__divides_nothing(tmp_path):
    label = LABEL.replace("1 AS label", "length(';') AS label")
    assert read(tmp_path, HEADER + label).label_sql == label


@pytest.mark.parametrize("prefix", ["\ufeff", "\n\n  "])
def test__header__may_follow_a_mark_of_its_encoding_or_blank_lines(tmp_path, prefix):
    assert read(tmp_path, prefix + HEADER + BODY).name == "churn"


def test__defaults__are_the_horizon_and_the_usual_metric(tmp_path):
    header = HEADER.replace('every    = "7 days"\n', "").replace('metric   = "roc_auc"\n', "").replace("binary", "regression")
    task = read(tmp_path, header + BODY)
    assert (task.every, task.metric) == (30 * DAY, "mae")


@pytest.mark.parametrize("value", ['"2025-08-01"', "2025-08-01T00:00:00Z", "2025-08-01 00:00:00", '"2025-08-01T02:00:00+02:00"'])
def test__dates__may_be_written_in_every_toml_way(tmp_path, value):
    assert read(tmp_path, HEADER.replace("= 2025-08-01", f"= {value}") + BODY).validate == parse_time("2025-08-01")


def changed(old: str, new: str) -> str:
    assert old in HEADER
    return HEADER.replace(old, new) + BODY


@pytest.mark.parametrize(
    ("text", "value", "fix"),
    [
        (BODY, "no task header", "/* rdl"),
        (changed("/* rdl", "/* RDL"), "no task header", "/* rdl"),
        (changed("horizon ", "horizn "), "'horizn'", "'horizon'"),
        (changed("validate", "validat"), "'validat'", "'validate'"),
        (changed('task     = "churn"\n', ""), "'task'", "add 'task'"),
        (changed('"churn"', "churn"), "no TOML", "mend the line"),
        (changed('"churn"', "7"), "task = 7", "correct"),
        (changed('"binary"', '"binry"'), "'binry'", "correct"),
        (changed('"customers"', '"custmers"'), "'custmers'", "'customers'"),
        (changed('"30 days"', '"30 moons"'), "'30 moons'", "30 days"),
        (changed('"30 days"', '"0 days"'), "longer than nothing", "30 days"),
        (changed('"7 days"', '"0 days"'), "longer than nothing", "30 days"),
        (changed("= 2025-08-01", '= "soon"'), "'soon'", "2025-08-01"),
        (changed("= 2025-08-01", "= 5"), "5", "correct"),
        (changed("= 2025-09-01", "= 2025-08-02"), "no validation label", "one horizon after"),
        (changed('"roc_auc"', '"mae"'), "'mae'", "roc_auc"),
        (changed('"roc_auc"', '"accuracy"'), "'accuracy'", "average_precision"),
        (HEADER, "found 0", "-- label"),
        (HEADER + "-- population\n" + POPULATION, "one `-- label` query", "mark each"),
        (HEADER + BODY + BODY, "one `-- label` query", "mark each"),
        (HEADER + f"{LABEL}; {LABEL}; {LABEL}", "found 3", "-- label"),
        (HEADER + "SELEC 1", "SELEC", "mend"),
        (HEADER + "DROP TABLE customers", "DROP", "SELECT"),
        (HEADER + f"-- label\n{LABEL}; DELETE FROM customers", "found 2", "one SELECT"),
    ],
)
def test__wrong_file__is_refused_with_place_value_and_fix(tmp_path, text, value, fix):
    with pytest.raises(TaskError) as error:
        read(tmp_path, text)
    assert value in error.value.what
    assert "churn.sql" in error.value.where
    assert fix in error.value.fix


def test__entity_without_a_key__is_refused(tmp_path):
    with pytest.raises(TaskError, match="'loose' has no key"):
        read(tmp_path, changed('"customers"', '"loose"'))


def test__entity__is_its_whole_key(tmp_path):
    assert read(tmp_path, changed('"customers"', '"shops"')).entity_columns == ("town", "number")


def kinded(kind: str, *more: str) -> str:
    return changed('metric   = "roc_auc"', "\n".join(more)).replace('"binary"', f'"{kind}"', 1)


@pytest.mark.parametrize(("kind", "metric"), [(kind, names[0]) for kind, names in METRICS.items() if kind != "recommendation"])
def test__kind__has_its_own_metrics(tmp_path, kind, metric):
    task = read(tmp_path, kinded(kind))
    assert (task.kind, task.metric, task.hide, task.autocomplete) == (kind, metric, (), False)
    assert read(tmp_path, kinded(kind, f'metric = "{METRICS[kind][-1]}"')).metric == METRICS[kind][-1]


@pytest.mark.parametrize(("more", "top"), [((), 10), (("top = 1000",), 1000)])
def test__recommendation__ranks_a_table(tmp_path, more, top):
    task = read(tmp_path, kinded("recommendation", 'target = "shops"', *more))
    assert (task.kind, task.target_table, task.top, task.metric) == (Kind.RECOMMENDATION, "shops", top, "map")


@pytest.mark.parametrize(
    ("column", "more", "kind", "metric"),
    [
        ("vip", (), Kind.BINARY, "roc_auc"),
        ("credit", (), Kind.REGRESSION, "mae"),
        ("city", (), Kind.MULTICLASS, "accuracy"),
        ("note", (), Kind.MULTICLASS, "accuracy"),
        ("credit", ('type = "multiclass"',), Kind.MULTICLASS, "accuracy"),
        ("vip", ('type = "regression"', 'metric = "rmse"'), Kind.REGRESSION, "rmse"),
    ],
)
def test__autocomplete__is_of_the_kind_that_its_column_means(tmp_path, column, more, kind, metric):
    task = read(tmp_path, kinded("autocomplete", f'hide = ["orders.order_id", "customers.{column}", "customers.city"]', *more))
    assert (task.kind, task.metric, task.autocomplete) == (kind, metric, True)
    assert task.hide[:2] == (("orders", "order_id"), ("customers", column))


def test__hide__takes_names_with_dots_and_each_once(tmp_path):
    hide = '["a.b.size", "customers.city", "a.b.size"]'
    assert read(tmp_path, kinded("binary", f"hide = {hide}")).hide == (("a.b", "size"), ("customers", "city"))


@pytest.mark.parametrize(
    ("text", "value", "fix"),
    [
        (kinded("recommendation"), "ranks the rows of a table", "target ="),
        (kinded("recommendation", 'target = "shopz"'), "target = 'shopz' is no table", "'shops'"),
        (kinded("recommendation", 'target = "loose"'), "'loose' has no key", "rdl.toml"),
        (kinded("recommendation", 'target = "shops"', "top = 0"), "top = 0", "correct"),
        (kinded("recommendation", 'target = "shops"', "top = 1001"), "top = 1001", "correct"),
        (kinded("recommendation", 'target = "shops"', 'metric = "accuracy"'), "'accuracy' does not fit", "map, ndcg"),
        (kinded("binary", "top = 3"), "top = 3 belongs to kind = 'recommendation'", "leave out top"),
        (kinded("multilabel", 'target = "shops"'), "target = 'shops' belongs to", "leave out target"),
        (kinded("binary", 'type = "binary"'), "type = 'binary' belongs to kind = 'autocomplete'", "leave out type"),
        (kinded("autocomplete", 'hide = ["customers.city"]', 'type = "multilabel"'), "'multilabel'", "correct"),
        (kinded("autocomplete"), "none of customers is hidden", "customers.column"),
        (kinded("autocomplete", 'hide = ["orders.order_id"]'), "none of customers is hidden", "customers.column"),
        (kinded("binary", 'hide = ["customer.city"]'), "no table 'customer'", "'customers'"),
        (kinded("binary", 'hide = ["customers.sity"]'), "no column 'sity'", "'city'"),
        (kinded("binary", 'hide = ["customers.created_at"]'), "event time", "other columns"),
        (kinded("binary", 'hide = ["city"]'), "'city', which is no column", "table.column"),
    ],
)
def test__key_that_does_not_fit__is_refused_with_value_and_fix(tmp_path, text, value, fix):
    with pytest.raises(TaskError) as error:
        read(tmp_path, text)
    assert value in error.value.what
    assert "churn.sql" in error.value.where
    assert fix in error.value.fix


def test__file_in_another_encoding__is_refused(tmp_path):
    path = tmp_path / "x.sql"
    path.write_bytes((HEADER + BODY).replace("churn", "Z\u00fcrich").encode("latin-1"))
    with pytest.raises(TaskError, match="UTF-8"):
        read_task_file(path, SCHEMA)
