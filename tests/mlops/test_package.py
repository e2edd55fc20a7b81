"""The packaged model: loads without pickle, tells nothing of this machine, and says what it needs."""

import pytest
import yaml

from rdl.mlops import find_version
from rdl.mlops.registry import fetch_package

pytestmark = pytest.mark.slow

PICKLE_SUFFIXES = {".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin"}


@pytest.fixture(scope="module")
def package(project, champion):
    return fetch_package(project, find_version(project, "churn"))


def files(folder):
    return [p for p in folder.rglob("*") if p.is_file()]


def test__package__every_file__holds_no_path_of_this_machine(package, project, tmp_path):
    here = [str(project.root), str(project.home), str(tmp_path.parent.parent), "/tmp/", "file://", "/site-packages"]
    for path in files(package):
        content = path.read_bytes()
        assert not [p for p in here if p.encode() in content], path.name


def test__package__every_file__is_no_pickle(package):
    for path in files(package):
        assert path.suffix not in PICKLE_SUFFIXES
        head = path.read_bytes()[:2]
        assert not (head[:1] == b"\x80" and head[1:] in b"\x02\x03\x04\x05"), path.name


def test__package__requirements__are_pinned_and_name_no_rdl(package):
    lines = (package / "requirements.txt").read_text().split()
    assert lines
    assert all("==" in line for line in lines)
    assert not [line for line in lines if line.startswith("rdl")]


def test__package__description__has_an_explicit_signature_and_the_lineage(package, database):
    about = yaml.safe_load((package / "MLmodel").read_text())
    assert '"customer_id"' in about["signature"]["inputs"]
    assert '"as_of"' in about["signature"]["inputs"]
    assert '"prediction"' in about["signature"]["outputs"]
    assert about["metadata"]["rdl.snapshot"] == database.fingerprint
    assert about["flavors"]["python_function"]["model_code_path"] == "pyfunc_model.py"


def test__package__loaded_in_process_without_pickle__answers_its_example(package, project, monkeypatch):
    from mlflow.pyfunc import load_model

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    loaded = load_model(str(package), model_config={"project": str(project.root), "home": str(project.home)})
    answer = loaded.predict(loaded.metadata.load_input_example(str(package)))
    assert answer["prediction"].tolist() == pytest.approx(loaded.metadata.metadata["example"]["answer"]["prediction"], abs=1e-9)
    assert list(answer.columns) == ["customer_id", "cutoff", "prediction"]


def test__package__without_a_project__says_which_variable_to_set(package, monkeypatch):
    from mlflow.pyfunc import load_model

    from rdl.errors import UsageError

    monkeypatch.delenv("RDL_PROJECT", raising=False)
    with pytest.raises(UsageError, match="RDL_PROJECT is not set"):
        load_model(str(package))
