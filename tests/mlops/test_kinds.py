"""Every kind of question, of entities that two columns name, from the fit to the answer over HTTP: offline equals online."""

import dataclasses
import json
import math
import sys
from http.client import HTTPConnection

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.database import open_database
from rdl.mlops import find_version, load_version, log_run, promote, register, score
from rdl.mlops.registry import alike, fetch_package
from rdl.mlops.requests import Question, newest
from rdl.mlops.scorer import Scorer
from rdl.mlops.store import find_store
from rdl.mlops.summary import Summary
from rdl.project import open_project
from rdl.task import Kind, answer_columns, find_task
from rdl.task.asked import RequestError
from rdl.timeline import format_time
from tests.mlops.market import KINDS, write_market
from tests.mlops.served import free_port, serving
from tests.mlops.shop import small_fit

pytestmark = pytest.mark.slow

TASKS = ("multiclass", "multilabel", "recommendation")
START = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from rdl.mlops.serving import build_app
from rdl.project import open_project

project = open_project(sys.argv[1])
apps = [Mount("/" + name, build_app(project, name)) for name in sys.argv[3:]]
uvicorn.run(Starlette(routes=apps), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds") / "market"
    write_market(folder)
    return open_project(folder)


@pytest.fixture(scope="module")
def rows(market):
    return open_database(market)


@pytest.fixture(scope="module")
def fitted(rows):
    """A small model a kind."""
    from rdl.model import fit_model

    boost = dataclasses.replace(small_fit().boost, learning_rate=0.4, min_child_weight=1.0)
    settings = {name: dataclasses.replace(small_fit(), boost=boost) for name in TASKS}
    settings["recommendation"] = dataclasses.replace(small_fit(), boost=boost, members=())
    return {name: fit_model(rows, find_task(rows, name), newest(rows), settings[name]) for name in TASKS}


@pytest.fixture(scope="module")
def runs(market, rows, fitted):
    """A run of MLflow a kind, registered and champion."""
    found = {}
    for name, model in fitted.items():
        task = find_task(rows, name)
        found[name] = log_run(market, rows, task, model)
        with pytest.MonkeyPatch.context() as patch:  # a clean process for each takes too long here: see test__load_back
            patch.setattr("rdl.mlops.registry.check_loads_back", lambda *_: None)
            assert promote(market, rows, task, register(market, task, found[name])).promoted
    return found


@pytest.fixture(scope="module")
def offline(market, rows, runs, tmp_path_factory):
    """The scores of a kind by the champion, as a table; and what was told of them."""

    def make(name):
        out = tmp_path_factory.mktemp("scores") / f"{name}.parquet"
        version = find_version(market, name)
        told = score(market, rows, find_task(rows, name), load_version(market, version), newest(rows), out, version=version.number)
        return pq.read_table(out), told

    return {name: make(name) for name in TASKS}


@pytest.fixture(scope="module")
def post(market, runs):
    """Ask the real servers of all kinds, in one process."""
    port = free_port()
    command = [sys.executable, "-c", START, str(market.root), str(port), *TASKS]

    def send(name, body):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", f"/{name}/invocations", json.dumps(body), {"Content-Type": "application/json"})
            told = connection.getresponse()
            return told.status, json.loads(told.read())
        finally:
            connection.close()

    with serving(command, port):
        yield send


@pytest.mark.parametrize("name", TASKS)
def test__serve__every_kind__answers_as_the_offline_scores(post, rows, offline, name):
    table, _ = offline[name]
    expected = table.drop_columns(["cutoff"]).to_pylist()
    as_of = format_time(newest(rows))
    status, told = post(name, {"dataframe_records": [{"shop": r["shop"], "till": r["till"], "as_of": as_of} for r in expected]})
    assert status == 200, told
    assert {row.pop("cutoff") for row in told["predictions"]} == {as_of}
    assert [{k: v for k, v in row.items() if k != "probabilities"} for row in told["predictions"]] == [
        {k: v for k, v in row.items() if k != "probabilities"} for row in expected
    ]
    for online, row in zip(told["predictions"], expected, strict=True):
        assert online.get("probabilities", {}) == pytest.approx(row.get("probabilities", {}), abs=1e-6)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"shop": "S1"}, "till"),
        ({"shop": "S1", "till": 9}, "unknown shop 'S1', till 9"),
        ({"shop": "S1", "tll": 1}, "did you mean 'till'"),
    ],
)
def test__serve__bad_key__is_told_with_its_columns_and_values(post, row, message):
    status, told = post("multiclass", {"dataframe_records": [row]})
    assert 400 <= status < 500
    assert message in told["message"]


def test__score__classes__stand_in_the_file_with_probabilities_that_agree(offline):
    table, told = offline["multiclass"]
    assert table.column_names[:5] == ["shop", "till", "cutoff", "prediction", "probabilities"]
    classes = json.loads(table.schema.metadata[b"rdl.classes"])
    assert set(classes) == set(KINDS)
    for row in table.to_pylist():
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].get)
    assert sum(told.summary.counts.values()) == table.num_rows
    assert "predicted: " in told.summary.sentences()[0]


def test__score__several_labels__are_those_more_likely_than_not(offline):
    table, told = offline["multilabel"]
    lists = table["prediction"].to_pylist()
    for row, named in zip(table["probabilities"].to_pylist(), lists, strict=True):
        assert set(named) == {name for name, p in row.items() if p >= 0.5}
    assert told.summary.mean == pytest.approx(np.mean([len(named) for named in lists]))


def test__score__ranked_lists__hold_keys_of_the_target_once_each(offline, rows):
    table, told = offline["recommendation"]
    assert table.column_names == ["shop", "till", "cutoff", "prediction"]
    assert b"rdl.classes" not in table.schema.metadata
    for named in table["prediction"].to_pylist():
        assert 0 < len(named) <= 4
        assert len(set(named)) == len(named)
        assert set(named) <= {f"p{i}" for i in range(9)}
    assert told.summary.high <= 4


@pytest.mark.parametrize("name", TASKS)
def test__score__any_chunk__gives_the_same_rows(market, rows, fitted, offline, tmp_path, name):
    told = score(market, rows, find_task(rows, name), fitted[name], newest(rows), tmp_path / "a.parquet", chunk=31)
    whole, before = offline[name]
    assert pq.read_table(tmp_path / "a.parquet").equals(whole)
    assert told.summary.to_json() == before.summary.to_json()


@pytest.mark.parametrize("name", TASKS)
def test__package__signature__tells_every_column_and_the_example_its_answer(market, runs, name):
    from mlflow.models import Model

    about = Model.load(str(fetch_package(market, find_version(market, name))))
    assert about.signature.inputs.input_names() == ["shop", "till", "as_of"]
    assert [str(kind) for kind in about.signature.inputs.input_types()][:2] == ["DataType.string", "DataType.long"]
    outputs = dict(zip(about.signature.outputs.input_names(), about.signature.outputs.input_types(), strict=True))
    assert list(outputs)[:4] == ["shop", "till", "cutoff", "prediction"]
    lists = "Array(string)"
    assert str(outputs["prediction"]) == ("DataType.string" if name == "multiclass" else lists)
    if name != "recommendation":
        assert {p.name for p in outputs["probabilities"].properties} == set(KINDS)
    assert set(about.metadata["example"]["answer"]) == set(list(outputs)[3:])


@pytest.mark.parametrize("name", TASKS)
def test__load_back__every_column__agrees_with_the_logged_answer(market, runs, monkeypatch, capsys, name):
    from rdl.mlops.load_back import main

    monkeypatch.setenv("RDL_PROJECT", str(market.root))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    main(str(fetch_package(market, find_version(market, name))))
    told = json.loads(capsys.readouterr().out)
    sure = {"multiclass": {"possible"}, "multilabel": {"certain", "possible"}}.get(name, set())
    assert set(told["answer"]) - sure == ({"prediction"} if name == "recommendation" else {"prediction", "probabilities"})
    assert len(told["answer"]["prediction"]) == 3
    assert alike(told["expected"], told["answer"])


@pytest.mark.parametrize("name", TASKS)
def test__log_run__parameters__say_what_the_kind_needs(market, runs, fitted, name):
    params = find_store(market).client().get_run(runs[name].run_id).data.params
    assert params["key"] == "shop,till"
    if name == "recommendation":
        assert (params["target"], params["top"]) == ("products", "4")
    else:
        assert json.loads(params["class_names"]) == list(fitted[name].task.classes)


def test__answer__integer_classes_and_composite_targets__are_plain_json(rows, fitted):
    """The answer's columns by hand: classes that are numbers, and a ranked table whose key has two columns."""
    from rdl.mlops.answer import online_answer

    task = dataclasses.replace(fitted["multiclass"].task, classes=(3, 1))
    told = online_answer(answer_columns(rows, task, np.array([[0.2, 0.8]])))
    assert {k: c.to_pylist() for k, c in told.items()} == {"prediction": [1], "probabilities": [{"3": 0.2, "1": 0.8}]}
    task = dataclasses.replace(find_task(rows, "recommendation"), target_table="tills")
    told = online_answer(answer_columns(rows, task, np.array([[1, 0, -1], [-1, -1, -1]])))
    first, nothing = told["prediction"].to_pylist()
    assert nothing == []
    assert [set(key) for key in first] == [{"shop", "till"}] * 2
    assert json.loads(json.dumps(first)) == first


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"shop": ["S1", None], "till": [1, 1]}, "1 rows have no shop"),
        ({"shop": ["S1", 3], "till": [1, 1]}, "unknown shop '3', till 1\n.*row 1"),
        ({"shop": ["S1", "S1"], "till": [1, 77]}, "unknown shop 'S1', till 77\n.*row 1"),
    ],
)
def test__answer__bad_composite_key__names_column_row_and_value(rows, fitted, columns, message):

    model = fitted["multiclass"]
    with pytest.raises(RequestError, match=message):
        Scorer.on(rows, model).answer(Question(columns))


def test__answer__entity_of_a_later_row__names_its_whole_key(rows, fitted):

    with rows.engine() as engine:
        shop, till = engine.polars("SELECT shop, till FROM tills ORDER BY opened_at DESC LIMIT 1").row(0)
    model = fitted["multiclass"]
    with pytest.raises(RequestError, match=f"shop '{shop}', till {till} is not known yet as of 2025-01-10"):
        Scorer.on(rows, model).answer(Question({"shop": [shop], "till": [till], "as_of": ["2025-01-10"]}))


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ({"p": [0.5, 1.0]}, {"p": [0.5 + 1e-9, 1]}, True),
        ({"p": [0.5]}, {"p": [0.51]}, False),
        ({"p": [0.5]}, {"p": [0.5, 0.5]}, False),
        ({"p": [["a", "b"]]}, {"p": [["b", "a"]]}, False),
        ({"p": [{"a": 0.5}]}, {"p": [{"a": 0.5000001}]}, True),
        ({"p": [{"a": 0.5}]}, {"p": [{"b": 0.5}]}, False),
        ({"p": [0.5]}, {"p": [float("nan")]}, False),
        ({"p": [1], "q": [1]}, {"p": [1]}, False),
    ],
)
def test__alike__answers__agree_in_every_column(expected, found, same):
    assert alike(expected, found) is same


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (Kind.BINARY, pa.array([0.2, 0.9, 0.5, 0.1])),
        (Kind.MULTICLASS, pa.array(["a", "b", "a", "c"])),
        (Kind.MULTILABEL, pa.array([["a"], [], ["a", "b"], []], pa.list_(pa.string()))),
        (Kind.RECOMMENDATION, pa.array([[1, 2], [], [3], [4]], pa.list_(pa.int64()))),
    ],
)
def test__summary__of_parts__adds_up_to_that_of_the_whole(kind, column):
    whole = Summary.of(kind, {"prediction": column})
    for cut in range(1, len(column)):
        parts = Summary.of(kind, {"prediction": column[:cut]}) + Summary.of(kind, {"prediction": column[cut:]})
        assert (parts.rows, parts.low, parts.high, parts.counts) == (whole.rows, whole.low, whole.high, whole.counts)
        assert math.isclose(parts.total, whole.total)
    assert whole.sentences()
    assert json.dumps(whole.to_json(), allow_nan=False)
