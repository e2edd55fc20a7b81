"""The walls of the house: imports run down the street only, and what no file may hold."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "rdl").rglob("*.py"))
TREES = {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}

# From the bottom of the street to its top; houses of one storey do not know each other.
STOREYS = [
    {"errors", "process"},
    {"lock"},
    {"timeline"},
    {"project"},
    {"database"},
    {"task"},
    {"features", "graph"},
    {"boost", "gnn"},
    {"model"},
    {"evaluate"},
    {"mlops"},
    {"pipeline"},
    {"api", "cli"},
]
STOREY = {house: level for level, houses in enumerate(STOREYS) for house in houses}
OWNERS = {
    "duckdb": {"database"},
    "mlflow": {"mlops"},
    "xgboost": {"boost"},
    "torch_geometric": {"graph", "gnn"},
}
FORBIDDEN = {"pickle", "cPickle", "_pickle", "joblib", "cloudpickle", "dill", "shelve", "marshal", "pandas"}
HEAVY = ["torch", "mlflow", "xgboost", "sklearn", "polars", "pandas", "numba"]


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Every module that a file imports, absolute, with its line."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def house(name: str) -> str:
    """`rdl/database/ingest.py` -> `database`; `rdl/api.py` -> `api`; `rdl/__init__.py` -> `__init__`."""
    return name.split("/")[1].removesuffix(".py")


def test__street__has_a_place_for_every_house():
    assert {house(name) for name in TREES} - {"__init__"} <= set(STOREY)


@pytest.mark.parametrize("name", TREES)
def test__imports__run_down_the_street_only(name):
    own = house(name)
    if own == "__init__":
        return  # the public names come from every house
    for module, line in imports(TREES[name]):
        parts = module.split(".")
        if parts[0] != "rdl" or len(parts) < 2 or parts[1] == own or parts[1] not in STOREY:
            continue
        assert STOREY[parts[1]] < STOREY[own], f"{name}:{line} imports {module}, which does not lie below {own}"


@pytest.mark.parametrize("name", TREES)
def test__libraries__are_imported_by_their_owners_only(name):
    for module, line in imports(TREES[name]):
        top = module.split(".")[0]
        assert top not in OWNERS or house(name) in OWNERS[top], f"{name}:{line} imports {top}"


@pytest.mark.parametrize("name", TREES)
def test__nothing__loads_code(name):
    for module, line in imports(TREES[name]):
        allowed = module.split(".")[0] == "pandas" and house(name) == "mlops"  # MLflow's pyfunc hands frames over
        assert allowed or module.split(".")[0] not in FORBIDDEN, f"{name}:{line} imports {module}"
        assert module not in {"torch.load", "torch.save"}, f"{name}:{line}"
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save")}, f"{name}:{node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__"}, f"{name}:{node.lineno} calls {node.func.id}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert getattr(node.value, "value", None) is False, f"{name}:{node.value.lineno}"


@pytest.mark.parametrize("name", [name for name in TREES if house(name) != "cli"])
def test__nothing__prints_but_the_command(name):
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{name}:{node.lineno}"


@pytest.mark.parametrize("name", TREES)
def test__no_file__is_longer_than_a_room_needs(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 400


def test__no_file__is_called_after_nothing():
    names = {Path(name).stem for name in TREES} | {Path(name).parent.name for name in TREES}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc", "base"}


def test__mlflow_folder__holds_no_python():
    assert list((ROOT / "mlflow").rglob("*.py")) == []


def loaded_by(module: str) -> set[str]:
    script = f"import sys, {module}; print(*sorted(set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(ran.stdout.split())


def test__command__starts_without_heavy_libraries():
    assert loaded_by("rdl.cli").isdisjoint([*HEAVY, "duckdb", "pyarrow"])


@pytest.mark.parametrize("module", ["rdl", "rdl.database", "rdl.task"])
def test__lower_houses__load_no_heavy_libraries(module):
    assert loaded_by(module).isdisjoint(HEAVY)


def test__worker__imports_nothing_of_rdl():
    """It runs as a file, so that starting it costs little and it shares no state."""
    assert not [m for m, _ in imports(TREES["rdl/database/worker.py"]) if m.startswith("rdl")]
