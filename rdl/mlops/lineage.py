"""What a model was made from: hashes that say whether two models could differ, and files that say in what.

The hashes are tags of the run, the logged model and the version. The files lie beside the run in `lineage/`: the task's SQL, the
plan, the schema, the settings, and what was installed. The rows themselves are named, not copied: their snapshot is an input of
the run.
"""

import json
import platform
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdl.database import Database
from rdl.database.version import code_version
from rdl.mlops.contender import SETTINGS, settings_text
from rdl.mlops.package import requirements
from rdl.task import Task
from rdl.timeline import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow.entities import DatasetInput

    from rdl.model import FitSettings, Model

FOLDER = "lineage"


def lineage_of(database: Database, task: Task, model: "Model", settings: "FitSettings | None" = None) -> dict[str, str]:
    """Tags: what a model was made from, and by what."""
    return {
        "rdl.project": database.project.name,
        "rdl.task": task.name,
        "rdl.task_sql": hashed([task.label_sql, task.population_sql]),
        "rdl.plan": model.plan.hash,
        "rdl.schema": hashed(_schema(database)),
        "rdl.snapshot": database.fingerprint,
        "rdl.as_of": format_time(model.as_of),
        "rdl.version": code_version(),
        "rdl.environment": hashed(environment()),
        "rdl.python": platform.python_version(),
        **({} if settings is None else {SETTINGS: settings_text(settings)}),
    }


def environment() -> dict[str, Any]:
    """What a prediction was made with: no path, no host."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": requirements(),
    }


def write_lineage(folder: Path, database: Database, task: Task, model: "Model", settings: "FitSettings | None") -> None:
    """Write the files of `lineage/` into the new folder `folder`."""
    folder.mkdir(parents=True)
    queries = {"population": task.population_sql, "label": task.label_sql}
    sql = "\n".join(f"-- {name}\n{text.strip()};\n" for name, text in queries.items() if text)
    (folder / "task.sql").write_text(sql, encoding="utf-8")
    facts: dict[str, Any] = {
        "plan": model.plan.to_json(),
        "schema": database.schema.to_json(),
        "environment": environment(),
        "versions": lineage_of(database, task, model),
    }
    if settings is not None:
        facts["settings"] = json.loads(settings_text(settings))
    for name, value in facts.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, sort_keys=True, default=str), encoding="utf-8")


def inputs(database: Database, model: "Model") -> "Sequence[DatasetInput]":
    """The snapshot, and every table of it, as inputs of the run: digests, columns and numbers of rows, none of the data."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import Dataset, DatasetInput, InputTag

    as_of = format_time(model.as_of)
    rows = {t.name: t.rows for t in database.schema.tables.values()}
    source = CodeDatasetSource({"project": database.project.name, "rows": rows, "as_of": as_of})
    whole = MetaDataset(source, name=database.project.name, digest=database.fingerprint[:36])._to_mlflow_entity()  # noqa: SLF001
    found = [DatasetInput(whole, [InputTag("mlflow.data.context", "training")])]
    for table in database.schema.tables.values():
        digest = hashed([database.fingerprint, table.name])
        about = json.dumps({"project": database.project.name, "table": table.name, "snapshot": database.fingerprint})
        columns = json.dumps({"columns": [[c.name, c.semantic.value, c.sql_type] for c in table.columns]})
        profile = json.dumps({"num_rows": table.rows, "as_of": as_of})
        dataset = Dataset(f"{database.project.name}.{table.name}", digest, "rdl_table", about, columns, profile)
        found.append(DatasetInput(dataset, [InputTag("mlflow.data.context", "table")]))
    return found


def hashed(value: Any) -> str:
    """32 hexadecimal digits that stand for plain data."""
    return sha256(json.dumps(value).encode()).hexdigest()[:32]


def _schema(database: Database) -> list[Any]:
    tables = database.schema.tables.values()
    return [[t.name, t.key, t.time, t.lag, [[c.name, c.semantic.value, c.sql_type] for c in t.columns]] for t in tables]
