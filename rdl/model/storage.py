"""Saving and loading: safetensors, UBJSON, JSON and SQL in a folder, and a manifest with the sha256 of every file.

Loading checks every hash before anything is parsed, and runs no code of the model's. A model is written aside and moved into place
whole.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rdl.errors import ModelFileError
from rdl.model.fitted import Model
from rdl.model.registry import member
from rdl.model.settings import Choices
from rdl.task import Kind, Task

FORMAT = 2
MANIFEST = "manifest.json"


def save_model(model: Model, folder: Path) -> None:
    """Write `model` to `folder`, replacing what stands there."""
    aside = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        _write_json(aside / "model.json", _facts(model))
        _write_json(aside / "choices.json", model.choices.to_json())
        (aside / "label.sql").write_text(model.task.label_sql, encoding="utf-8")
        if model.task.population_sql is not None:
            (aside / "population.sql").write_text(model.task.population_sql, encoding="utf-8")
        for name, fitted in model.fitted.items():
            fitted.save(aside / "members" / name)
        hashes = {p.relative_to(aside).as_posix(): _sha256(p) for p in _files(aside)}
        _write_json(aside / MANIFEST, {"format": FORMAT, "files": hashes})
        old = folder.with_name(f"{folder.name}.{os.getpid()}.old")
        if folder.exists():
            folder.replace(old)
        aside.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load_model(folder: Path) -> Model:
    """The model that `save_model` wrote.

    Raises:
        ModelFileError: a file is missing, added, truncated or altered, or the format is another.
    """
    verify(folder)
    try:
        facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        choices = Choices.from_json(json.loads((folder / "choices.json").read_text(encoding="utf-8")))
        fitted = {name: member(name).load(folder / "members" / name) for name in facts["members"]}
        return Model(_task(facts["task"], folder), facts["as_of"], fitted, choices, facts["facts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"unreadable model: {error!r}", where=str(folder), fix="fit or fetch the model again") from error


def verify(folder: Path) -> None:
    """Check every file of a saved model against the manifest, reading nothing else.

    Raises:
        ModelFileError: see `load_model`.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        expected = dict(manifest["files"])
        found_format = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"no readable manifest: {error}", where=str(path), fix="fit or fetch the model again") from error
    if found_format != FORMAT:
        raise ModelFileError(
            f"the model has format {found_format!r}, this rdl reads {FORMAT}", where=str(path), fix="fit the model again"
        )
    present = {p.relative_to(folder).as_posix() for p in _files(folder)} - {MANIFEST}
    for name in sorted(expected.keys() | present):
        if name not in present:
            raise ModelFileError(f"the file {name!r} is missing", where=str(folder), fix="fetch the model again")
        if name not in expected:
            raise ModelFileError(f"the file {name!r} is not in the manifest", where=str(folder), fix="fetch the model again")
        if _sha256(folder / name) != expected[name]:
            raise ModelFileError(f"the file {name!r} was altered or truncated", where=str(folder), fix="fetch the model again")


def _facts(model: Model) -> dict[str, Any]:
    task = {k: v for k, v in asdict(model.task).items() if k not in {"path", "label_sql", "population_sql"}}
    return {
        "task": {**task, "file": model.task.path.name},
        "as_of": model.as_of,
        "members": list(model.fitted),
        "facts": dict(model.facts),
    }


def _task(raw: dict[str, Any], folder: Path) -> Task:
    population = folder / "population.sql"
    facts = {k: v for k, v in raw.items() if k != "file"}
    return Task(
        **{
            **facts,
            "kind": Kind(facts["kind"]),
            "grid": tuple(facts["grid"]),
            "hide": tuple((table, column) for table, column in facts.get("hide", ())),
            "path": Path(raw["file"]),
            "label_sql": (folder / "label.sql").read_text(encoding="utf-8"),
            "population_sql": population.read_text(encoding="utf-8") if population.is_file() else None,
        }
    )


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1, sort_keys=True), encoding="utf-8")
