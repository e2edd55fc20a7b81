"""What PREDICT compiles to is clean: no sentence of the table is an error to the lint."""

import tomllib
from pathlib import Path

import pytest

from rdl.task.lint import Severity, lint_text
from rdl.task.taskfile import read_task_file
from tests.task.predict.tiny import compiled, tiny

SENTENCES = Path(__file__).parents[1] / "predict" / "sentences.toml"


@pytest.mark.slow
def test__compiled_sentences__are_no_errors_and_warn_of_a_start_before_the_cutoff_only(tmp_path):
    database = tiny(tmp_path / "project")
    path = tmp_path / "asked.sql"
    for sentence in tomllib.loads(SENTENCES.read_text(encoding="utf-8"))["sentence"]:
        path.write_text(compiled(database, sentence["says"]).text, encoding="utf-8")
        found = [f for f in lint_text(database, read_task_file(path, database.schema)) if f.severity is not Severity.NOTICE]
        assert {f.rule.value for f in found} <= ({"label_starts_early"} if ", -" in sentence["says"] else set()), sentence["says"]
