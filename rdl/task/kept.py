"""What is asked once and then kept in the project's home, in files named by all that the answer depends on."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rdl.database import Database
from rdl.task.seeds import Int
from rdl.task.task import Task


def kept_path(database: Database, folder: str, task: Task, grid: Int, suffix: str) -> Path:
    """Where the labels of a task at the cutoffs `grid` [k], or what was made of them, are kept.

    The name is the hash of everything that labels depend on: the snapshot, the queries, the lattice, the classes.
    """
    asked: list[Any] = [
        database.fingerprint,
        task.label_sql,
        task.population_sql,
        task.entity_table,
        task.entity_columns,
        task.cutoff_column,
        task.label_column,
        task.grid,
        task.last_read(0),
        task.horizon,
        task.kind,
        task.classes,
        task.target_table,
        str(task.path) if task.stored else None,
    ]
    digest = hashlib.sha256(json.dumps(asked).encode())
    digest.update(grid.tobytes())
    return database.project.home / folder / f"{digest.hexdigest()[:24]}{suffix}"


def keep(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` fill a file aside, then put it in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.stem}.{os.getpid()}.{threading.get_ident()}.tmp{path.suffix}")
    write(aside)
    aside.replace(path)
