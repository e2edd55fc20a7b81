import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import PipelineError
from rdl.pipeline import STEPS, find_pipeline, read_pipeline
from tests.pipeline import workshop
from tests.pipeline.workshop import PIPELINE, write_pipeline


def refusal(tmp_path, text):
    with pytest.raises(PipelineError) as caught:
        read_pipeline(write_pipeline(tmp_path, text), workshop.STEPS, tmp_path)
    assert caught.value.exit_code == 3
    return caught.value


def test__read_pipeline__good_file__paths_start_at_base(tmp_path):
    found = read_pipeline(write_pipeline(tmp_path), workshop.STEPS, tmp_path)
    assert (found.name, found.tasks) == ("small", ("churn", "other"))
    assert [step.name for step in found.steps] == ["count", "double", "sum"]
    assert found.project == tmp_path / "shop"
    assert found.home == tmp_path / "shop" / ".rdl"
    assert found.sections["count"].model_dump() == {"offset": 1, "fail": ""}


def test__read_pipeline__no_base__paths_start_at_working_directory(tmp_path, monkeypatch):
    (tmp_path / "files").mkdir()
    path = write_pipeline(tmp_path / "files", PIPELINE.replace("[count]", 'home = "made/here"\n[count]'))
    monkeypatch.chdir(tmp_path)
    found = read_pipeline(path, workshop.STEPS)
    assert (found.project, found.home) == (tmp_path / "shop", tmp_path / "made" / "here")


@pytest.mark.parametrize(
    ("old", "new", "what", "fix"),
    [
        ("tasks ", "taks  ", "'taks'", "'tasks'"),
        ('"double"', '"dobule"', "unknown step 'dobule'", "'double'"),
        ("[count]", "[cuont]", "'cuont'", "'count'"),
        ("offset", "ofset", "'ofset'", "'offset'"),
        ("offset = 1", 'offset = "1"', "offset", "correct"),
        ('"count", "double"', '"double", "count"', "stands before 'count'", "move 'count'"),
        ('"count", "double", "sum"', '"count", "sum"', "'sum' needs 'double'", "list 'double'"),
        ('"sum"]', '"sum", "sum"]', "listed twice", "once"),
        ('["churn", "other"]', '["churn", "churn"]', "listed twice", "once"),
        ('["churn", "other"]', "[]", "needs a task", "tasks"),
        ('["churn", "other"]', '["../churn"]', "'../churn'", "letters"),
        ('"small"', '"a/b"', "'a/b'", "letters"),
        ("project", "# project", "'project'", "add"),
        ("[count]", "[[count]]", "no section", "[count]"),
        ("[count]", "[count", "TOML", "line"),
    ],
)
def test__read_pipeline__wrong_file__says_what_and_how(tmp_path, old, new, what, fix):
    error = refusal(tmp_path, PIPELINE.replace(old, new, 1))
    assert what in error.what
    assert fix in error.fix
    assert "small.toml" in error.where


def test__read_pipeline__section_of_unlisted_step__refused(tmp_path):
    text = 'name = "x"\nproject = "shop"\nsteps = ["make"]\n[count]\noffset = 1\n'
    assert "no step reads [count]" in refusal(tmp_path, text).what


@given(st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1))
def test__read_pipeline__any_unknown_step__refused(tmp_path_factory, word):
    folder = tmp_path_factory.mktemp("any", numbered=True)
    if word in workshop.STEPS:
        return
    error = refusal(folder, f'name = "x"\nproject = "shop"\nsteps = ["{word}"]\n')
    assert repr(word) in error.what


def test__find_pipeline__bare_name__is_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_pipeline("demo").name == "demo.toml"
    with pytest.raises(PipelineError, match="did you mean 'demo'"):
        find_pipeline("dmeo")


@pytest.mark.parametrize("name", ["demo", "f1"])
def test__read_pipeline__shipped__is_valid(tmp_path, name):
    found = read_pipeline(name, base=tmp_path)
    assert {step.name for step in found.steps} <= STEPS.keys()
    assert found.home.is_relative_to(tmp_path)
