"""The saved model as MLflow keeps it: an explicit signature, an example with its expected answer, pinned requirements.

Nothing in the folder is pickled, and nothing in it tells where it was made: MLflow writes source paths into `MLmodel`, and
`write_package` takes them out before the folder leaves this machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rdl.database import Database, quote
from rdl.errors import TaskError
from rdl.mlops.answer import online_answer, online_keys
from rdl.mlops.requests import AS_OF, newest
from rdl.task import Seeds, Task, answer_columns, entity_keys
from rdl.timeline import format_time, visible_sql

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Object

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
    """A request whose answer is known.

    Attributes:
        keys: [k] each, the key columns.
        as_of: of every row.
        answer: [k] each, the answer's columns, of types that JSON carries.
        snapshot: fingerprint of the database that the answer came from.
    """

    keys: Mapping[str, pa.Array]
    as_of: str
    answer: Mapping[str, pa.Array]
    snapshot: str

    def request(self) -> dict[str, list[Any]]:
        """The request by column."""
        rows = len(next(iter(self.keys.values())))
        return {**{name: values.to_pylist() for name, values in self.keys.items()}, AS_OF: [self.as_of] * rows}


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
    found = model.predict(database, Seeds.at(entity, np.full(len(entity), as_of, dtype=np.int64)))
    native = entity_keys(database, task, entity)
    columns = zip(task.entity_columns, native.columns, strict=True)
    keys = {name: online_keys(column.combine_chunks()) for name, column in columns}
    answer = online_answer(answer_columns(database, model.task, found.prediction, found.beside))
    return Example(keys, format_time(as_of), answer, database.fingerprint)


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
    answer = {name: column.to_pylist() for name, column in example.answer.items()}
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(_CODE),
        artifacts={"model": str(saved)},
        signature=signature(example),
        input_example=request,
        pip_requirements=requirements(),
        model_config={"project": "", "home": ""},
        metadata={**about, "example": {"answer": answer, "snapshot": example.snapshot}},
        mlflow_model=Description(artifact_path="model", run_id=run_id, model_uuid=model_id, model_id=model_id),
    )
    _forget_origin(folder / "MLmodel")


def signature(example: Example) -> "ModelSignature":
    """The key columns and an optional `as_of` in; the key columns, `cutoff` and the answer's columns out. Parameter: `reasons`.

    A list of keys or classes is an Array, probabilities are an Object with one double a class: the server's JSON has them so.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    keys = [ColSpec(_mlflow_type(values.type), name) for name, values in example.keys.items()]
    answer = [ColSpec(_mlflow_type(values.type), name) for name, values in example.answer.items()]
    inputs = Schema([*keys, ColSpec(DataType.string, AS_OF, required=False)])
    params = ParamSchema([ParamSpec("reasons", DataType.long, 0)])
    return ModelSignature(inputs, Schema([*keys, ColSpec(DataType.string, "cutoff"), *answer]), params)


def _mlflow_type(kind: pa.DataType) -> "DataType | Array | Object":
    """MLflow's type of values that JSON carries."""
    from mlflow.types import DataType
    from mlflow.types.schema import Array, Object, Property

    if pa.types.is_list(kind):
        return Array(_mlflow_type(kind.value_type))
    if pa.types.is_struct(kind):
        return Object([Property(field.name, _mlflow_type(field.type)) for field in kind])
    if pa.types.is_floating(kind):
        return DataType.double
    return DataType.long if pa.types.is_integer(kind) else DataType.string


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
