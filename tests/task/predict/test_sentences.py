"""Sentences and what they say, as data: `sentences.toml` and `refused.toml`, on the database of `tiny.py`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database import Database
from rdl.database.sandbox import Sandbox
from rdl.task.predict import SentenceError, parse
from tests.task.predict.tiny import answers, compiled, tiny

HERE = Path(__file__).parent
SENTENCES = tomllib.loads((HERE / "sentences.toml").read_text(encoding="utf-8"))["sentence"]
REFUSED = tomllib.loads((HERE / "refused.toml").read_text(encoding="utf-8"))["refused"]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return tiny(tmp_path_factory.mktemp("tiny") / "project")


@pytest.fixture(scope="module")
def sandbox(database: Database) -> Iterator[Sandbox]:
    with database.sandbox() as opened:
        yield opened


def test__there_are__enough_of_both():
    assert len({case["says"] for case in SENTENCES}) >= 60
    assert len({case["says"] for case in REFUSED}) >= 15


@pytest.mark.parametrize("case", SENTENCES, ids=lambda case: case["says"])
def test__sentence__says_what_a_person_counts(case, database, sandbox, tmp_path):
    made = compiled(database, case["says"])
    assert made.kind == case["kind"]
    found = answers(database, sandbox, made, tmp_path)
    assert found.keys() == case["labels"].keys()
    for key, labels in case["labels"].items():
        for one, expected in zip(found[key], labels, strict=True):
            assert one == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["says"].splitlines()[0])
def test__refused_sentence__points_at_the_character(case, database):
    sentence, caret = case["says"].split("\n")
    with pytest.raises(SentenceError) as error:
        compiled(database, sentence)
    assert (error.value.message, error.value.at, error.value.fix) == (case["what"], caret.index("^"), case["fix"])
    assert error.value.what.endswith(f"\n  {sentence}\n  {caret}")


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("PREDICT\n\tCOUNT(ordrs.*, 0, 30, days)\nFOR customers.id", "  \tCOUNT(ordrs.*, 0, 30, days)\n  \t      ^"),
        ('PREDICT COUNT("日本".*, 0, 1, day) + ! FOR x.y', '  PREDICT COUNT("日本".*, 0, 1, day) + ! FOR x.y\n' + " " * 39 + "^"),
    ],
)
def test__caret__stands_under_the_character__on_any_line_and_behind_wide_ones(sentence, shown, database):
    with pytest.raises(SentenceError) as error:
        compiled(database, sentence)
    assert error.value.what.endswith("\n" + shown)


@pytest.mark.parametrize("depth", [49, 60, 5_000])
def test__parentheses__are_read_or_refused_but_never_too_deep(depth, database, sandbox, tmp_path):
    sentence = f"PREDICT {'(' * depth}COUNT(orders.*, 0, 10, days){')' * depth} FOR customers.id"
    if depth < 50:
        assert answers(database, sandbox, compiled(database, sentence), tmp_path)["a"] == [1, 2]
    else:
        with pytest.raises(SentenceError, match="within one another"):
            compiled(database, sentence)


WORDS = [re.findall(r"\w+|'[^']*'|\S", case["says"]) for case in SENTENCES]
VOCABULARY = sorted({word for words in WORDS for word in words} | {"'", '"', "1e5", "\u00b2", "\u0301"})


@given(st.sampled_from(WORDS), st.lists(st.tuples(st.integers(0, 200), st.sampled_from(VOCABULARY), st.booleans()), max_size=3))
def test__any_sentence__is_read_or_refused_at_one_of_its_characters(words, changes):
    words = list(words)
    for place, word, insert in changes:
        at = place % len(words)
        words[at : at + (not insert)] = [word]
    text = " ".join(words)
    at = 0
    try:
        parse(text)
    except SentenceError as error:
        at = error.at
    assert 0 <= at <= len(text)
