"""What the README shows works: every sentence compiles on the demo shop to the kind it is shown for, every metric is one."""

import re
from pathlib import Path

import pytest

from rdl.database import Database, open_database
from rdl.database.demo import write_demo
from rdl.project import open_project
from rdl.task import METRICS, Kind, find_task
from rdl.task.predict import compile_sentence, write_task

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SENTENCES = re.findall(r"^    (PREDICT .*?) +(\w+): ", README, re.MULTILINE)
ABOUT_KINDS = README.partition("### Kinds of question")[2].partition("\n###")[0]
KINDS = [pair for pair in re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", ABOUT_KINDS, re.MULTILINE) if pair[0] != "kind"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("readme") / "shop"
    write_demo(folder, rows=1_000)
    return open_database(open_project(folder))


def test__kinds__table__has_every_kind_and_metric() -> None:
    shown = dict(KINDS)
    assert set(shown) == {*(kind.value for kind in Kind), "autocomplete"}
    for kind, metrics in METRICS.items():
        assert shown[kind.value].removesuffix(", each at `top`").split(", ") == list(metrics)


def test__sentences__there_is_one_of_every_kind() -> None:
    assert [kind for _, kind in SENTENCES] == [kind for kind, _ in KINDS]


@pytest.mark.parametrize(("sentence", "kind"), SENTENCES)
def test__sentence__compiles_to_its_kind(shop: Database, sentence: str, kind: str) -> None:
    compiled = compile_sentence(sentence, shop)
    assert compiled.kind == kind
    path = write_task(shop, compiled)
    task = find_task(shop, compiled.name)
    assert task.autocomplete == (kind == "autocomplete")
    assert path.is_file()
    if kind != "autocomplete":
        assert task.kind.value == kind
