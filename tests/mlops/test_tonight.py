"""Scoring and serving read tonight's table where it fits, and say what they say without it."""

import dataclasses
import json
import logging
import sys
from http.client import HTTPConnection

import pyarrow.parquet as pq
import pytest

from rdl.database import Database
from rdl.features.kept.lineage import made_by
from rdl.features.kept.table import VALUES
from rdl.mlops import score
from rdl.mlops.requests import Question, newest
from rdl.mlops.scorer import Scorer
from rdl.model import inputs, parts
from rdl.task.asked import RequestError
from rdl.timeline import DAY, format_time
from tests.cli.calls import call
from tests.mlops.served import free_port, serving

START = """
import sys
from rdl.features.kept import table
from rdl.mlops import serve
from rdl.project import open_project

table.made_by = lambda: sys.argv[4]  # the code that is being tested may change while a test runs
serve(open_project(sys.argv[1], sys.argv[2]), "churn", port=int(sys.argv[3]))
"""


@pytest.fixture
def as_of(database):
    return (newest(database) // DAY + 1) * DAY


@pytest.fixture
def tonight(copy, database, model, as_of):
    """The database in a home of its own, with a table of tonight's features."""
    mine = dataclasses.replace(database, project=copy)
    model.materialise(mine, as_of, copy.home / "tonight" / "churn" / "made")
    return mine


@pytest.fixture
def nothing_computed(monkeypatch):
    """Whatever computes features, or opens the database for a request, fails."""

    def fail(*_, **__):
        raise AssertionError("computed")

    monkeypatch.setattr(inputs, "compute_features", fail)
    monkeypatch.setattr(parts, "compute_parts", fail)
    return lambda: monkeypatch.setattr(Database, "engine", fail)


def test__score__with_the_table__gives_the_same_bytes_and_computes_nothing(
    project, database, task, model, tonight, as_of, tmp_path, nothing_computed, monkeypatch
):
    found = score(tonight.project, tonight, task, model, as_of, tmp_path / "with.parquet", chunk=7)
    with pytest.raises(AssertionError, match="computed"):
        score(tonight.project, tonight, task, model, as_of - DAY, tmp_path / "other.parquet")
    monkeypatch.undo()
    wanted = score(project, database, task, model, as_of, tmp_path / "without.parquet", chunk=7)
    assert found.path.read_bytes() == wanted.path.read_bytes()
    assert found.rows == wanted.rows > 20


def test__score__altered_table__is_computed_with_a_warning(project, database, task, model, tonight, as_of, tmp_path, caplog):
    file = tonight.project.home / "tonight" / "churn" / "made" / VALUES
    content = bytearray(file.read_bytes())
    content[-40] ^= 8
    file.write_bytes(bytes(content))
    with caplog.at_level(logging.WARNING):
        found = score(tonight.project, tonight, task, model, as_of, tmp_path / "with.parquet")
    assert "altered" in caplog.text
    wanted = score(project, database, task, model, as_of, tmp_path / "without.parquet")
    assert pq.read_table(found.path).equals(pq.read_table(wanted.path))


def test__answer__known_entity_at_the_tables_moment__asks_the_database_nothing(tonight, model, as_of, nothing_computed):
    scorer = Scorer.on(tonight, model)
    nothing_computed()
    found = scorer.answer(Question({"customer_id": [105, "120", 105.0]}))
    assert found.cutoff.tolist() == [as_of] * 3
    said = scorer.answer(Question({"customer_id": [105], "as_of": [format_time(as_of)]}))
    assert said.prediction[0] == found.prediction[0] == found.prediction[2]


def test__answer__anything_else__is_answered_as_without_the_table(tonight, database, model, as_of):
    scorer, keys = Scorer.on(tonight, model), [105, 110, 120]
    found = scorer.answer(Question({"customer_id": keys, "as_of": [format_time(as_of), None, "2025-11-01"]}))
    moments = [format_time(as_of), format_time(as_of), "2025-11-01"]
    plain = Scorer.on(database, model).answer(Question({"customer_id": keys, "as_of": moments}))
    assert found.cutoff.tolist() == plain.cutoff.tolist()
    assert found.prediction.tolist() == plain.prediction.tolist()
    assert scorer.answer(Question({"customer_id": [105.0]})).prediction[0] == found.prediction[0]
    with pytest.raises(RequestError, match="unknown customer_id 1"):
        scorer.answer(Question({"customer_id": [1]}))


def test__answer__no_moment_named_and_an_old_table__is_about_the_end_of_the_data(copy, database, model):
    mine = dataclasses.replace(database, project=copy)
    model.materialise(mine, newest(database) - DAY, copy.home / "tonight" / "churn" / "old")
    scorer = Scorer.on(mine, model)
    assert len(scorer.tables) == 1
    assert scorer.answer(Question({"customer_id": [105]})).cutoff.tolist() == [newest(database)]


@pytest.mark.slow
def test__serve__with_the_table__equals_the_offline_scores_bit_by_bit(tonight, project, task, model, as_of, tmp_path):
    offline = pq.read_table(score(tonight.project, tonight, task, model, as_of, tmp_path / "scores.parquet").path).to_pylist()
    port, home = free_port(), tonight.project.home
    with serving([sys.executable, "-c", START, str(project.root), str(home), str(port), made_by()], port):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        rows = [{"customer_id": row["customer_id"]} for row in offline]
        connection.request("POST", "/invocations", json.dumps({"dataframe_records": rows}), {"Content-Type": "application/json"})
        online = json.loads(connection.getresponse().read())["predictions"]
        connection.close()
    assert [row["prediction"] for row in online] == [row["prediction"] for row in offline]
    assert {row["cutoff"] for row in online} == {format_time(as_of)}


def test__rdl_features__materialise__makes_the_table_and_tells_of_it(copy, folder, database, monkeypatch, capsys):
    place = ("--project", folder, "--home", copy.home)
    assert call(monkeypatch, "features", "churn", "--materialise", "--as-of", "2025-11-30", *place) == 0
    assert "tonight  60 entities as of 2025-11-30, 0." in capsys.readouterr().out
    assert call(monkeypatch, "features", "churn", "--json", *place) == 0
    (told,) = json.loads(capsys.readouterr().out)["tonight"]
    assert (told["rows"], told["as_of"], told["fits"]) == (60, "2025-11-30", True)
    assert told["bytes"] > 1000
