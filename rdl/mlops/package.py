"""The saved model as MLflow keeps it: an explicit signature, an example with its expected answer, pinned requirements.

Nothing in the folder is pickled, and nothing in it tells where it was made: MLflow writes source paths into `MLmodel`, and
`write_package` takes them out before the folder leaves this machine.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rdl.database import Database, quote
from rdl.errors import TaskError
from rdl.mlops.requests import AS_OF, PREDICTION, newest
from rdl.task import Seeds, Task, entity_keys
from rdl.timeline import format_time, visible_sql

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

    from rdl.model import Model

EXAMPLE_ROWS = 3

_CODE = Path(__file__).with_name("pyfunc_model.py")
_PINNED = (
    "duckdb",
    "mlflow",
    "numba",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "safetensors",
    "scikit-learn",
    "torch",
    "torch-geometric",
    "xgboost",
)


@dataclass(frozen=True)
class Example:
    """A request whose answer is known: entity keys [k], one as_of, predictions [k], and the snapshot they came from."""

    key: str
    keys: tuple[Any, ...]
    as_of: str
    prediction: tuple[float, ...]
    snapshot: str

    def request(self) -> dict[str, list[Any]]:
        """The request by column."""
        return {self.key: list(self.keys), AS_OF: [self.as_of] * len(self.keys)}


def make_example(database: Database, task: Task, model: "Model") -> Example:
    """Predict the newest entities at the model's own as_of.

    Raises:
        TaskError: no entity is visible then.
    """
    as_of = min(model.as_of, newest(database))
    seen = visible_sql("_time", str(as_of))
    with database.engine() as engine:
        sql = f"SELECT _row FROM rows.{quote(task.entity_table)} WHERE {seen} ORDER BY _row DESC LIMIT {EXAMPLE_ROWS}"
        entity = engine.numpy(sql)["_row"].astype(np.int64)
    if not len(entity):
        raise TaskError(
            f"no row of {task.entity_table} is visible as of {format_time(as_of)}", where=str(task.path), fix="train later"
        )
    found = model.predict(database, Seeds.at(entity, np.full(len(entity), as_of, dtype=np.int64))).prediction
    keys = online_keys(entity_keys(database, task, entity).column(0).combine_chunks()).to_pylist()
    return Example(task.entity_columns[0], tuple(keys), format_time(as_of), tuple(float(p) for p in found), database.fingerprint)


def online_keys(keys: pa.Array) -> pa.Array:
    """Keys as JSON and CSV carry them: integers as they are, everything else as text."""
    if pa.types.is_integer(keys.type) and keys.type != pa.uint64():
        return keys.cast(pa.int64())
    return keys.cast(pa.string())


def write_package(folder: Path, saved: Path, example: Example, about: dict[str, Any], run_id: str, model_id: str) -> None:
    """Write the MLflow model of the saved rdl model `saved` into `folder`, which must not exist.

    Args:
        folder: new.
        saved: what `save_model` wrote.
        example: the request whose answer is known.
        about: what `MLmodel` tells about the model, JSON-able.
        run_id: the run that logged it.
        model_id: the logged model it becomes.
    """
    import mlflow.pyfunc
    import pandas as pd
    from mlflow.models import Model as Description

    request = pd.DataFrame(example.request())
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(_CODE),
        artifacts={"model": str(saved)},
        signature=signature(example),
        input_example=request,
        pip_requirements=requirements(),
        model_config={"project": "", "home": ""},
        metadata={**about, "example": {"prediction": list(example.prediction), "snapshot": example.snapshot}},
        mlflow_model=Description(artifact_path="model", run_id=run_id, model_uuid=model_id, model_id=model_id),
    )
    _forget_origin(folder / "MLmodel")


def signature(example: Example) -> "ModelSignature":
    """Entity key and optional `as_of` in; entity key, `cutoff` and `prediction` out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    kind = DataType.long if isinstance(example.keys[0], int) else DataType.string
    inputs = Schema([ColSpec(kind, example.key), ColSpec(DataType.string, AS_OF, required=False)])
    outputs = Schema([ColSpec(kind, example.key), ColSpec(DataType.string, "cutoff"), ColSpec(DataType.double, PREDICTION)])
    return ModelSignature(inputs, outputs)


def requirements() -> list[str]:
    """What is installed here of what a prediction needs, pinned; rdl itself is named in the metadata, not fetched by name."""
    pins = []
    for name in _PINNED:
        try:
            pins.append(f"{name}=={version(name).split('+')[0]}")
        except PackageNotFoundError:
            continue
    return pins


def _forget_origin(path: Path) -> None:
    """Take out of `MLmodel` where its parts came from; MLflow finds them beside it."""
    import yaml

    description = yaml.safe_load(path.read_text(encoding="utf-8"))
    flavor = description["flavors"]["python_function"]
    flavor["model_code_path"] = Path(flavor["model_code_path"]).name
    flavor.pop("cloudpickle_version", None)
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    path.write_text(yaml.safe_dump(description, sort_keys=True), encoding="utf-8")
