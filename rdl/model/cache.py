"""Fits that were made before: kept in the project's home, named by the hash of everything they depend on.

The same rows, task, settings and code give the same bits, so a fit found under its name need not be made again: regimes share their
first model, and a run that died goes on from the last fit that was whole.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rdl.database import Database
from rdl.database.pruning import mark_used, needed, prune
from rdl.database.version import code_version
from rdl.errors import ModelFileError
from rdl.model.fitted import Model
from rdl.model.settings import Choices, FitSettings
from rdl.model.storage import load_model, save_model
from rdl.task import Task

log = logging.getLogger(__name__)


def fit_key(database: Database, task: Task, as_of: int, settings: FitSettings, staleness: int, *more: str) -> str:
    """Hash of what a fit depends on."""
    asked = {k: v for k, v in asdict(task).items() if k != "path"}
    depends: list[Any] = [code_version(), database.fingerprint, asked, as_of, asdict(settings), staleness, *more]
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:24]


def cached_choices(database: Database, key: str, make: Callable[[], Choices]) -> Choices:
    """The choices kept under `key`, made first where there are none."""
    path = database.project.home / "fits" / f"{key}.choices.json"
    if path.is_file():
        mark_used(path)
        return Choices.from_json(json.loads(path.read_text(encoding="utf-8")))
    choices = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(json.dumps(choices.to_json()), encoding="utf-8")
    aside.replace(path)
    return choices


def cached_model(database: Database, task: Task, as_of: int, key: str, make: Callable[[], Model]) -> Model:
    """The model kept under `key`, made first where there is none or where its files were altered.

    What the task's model with the latest `as_of` was made from is kept, however long it is not used.
    """
    folder = database.project.home / "fits" / key
    if folder.is_dir():
        try:
            model = load_model(folder)
        except ModelFileError as error:
            log.warning("fits: %s is fitted again: %s", key, error.what)
        else:
            mark_used(folder)
            return model
    with needed(database.project, task.name, as_of):
        model = make()
        save_model(model, folder)
    prune(database.project)
    return model
