"""The Python API, a mirror of the command: open a project, name a task, train, predict, evaluate, score.

project = rdl.open("shop")
task = project.task("churn")
model = rdl.train(task)
model.predict(["C000001", "C000002"])          # an Arrow table: key, cutoff, prediction
task.evaluate(regime="fresh").metrics
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rdl.database import Database, open_database
from rdl.errors import DataError
from rdl.evaluate import Evaluation, Regime, evaluate
from rdl.model import FitSettings, Model, fit_model, load_model, save_model
from rdl.project import open_project
from rdl.task import Seeds, Task, find_entities, find_task, list_tasks, population_at, prediction_table
from rdl.timeline import parse_time


@dataclass(frozen=True)
class OpenProject:
    """A project whose rows have been read."""

    database: Database

    def task(self, name: str) -> "ProjectTask":
        """The task called `name`; TaskError names the nearest one where there is none."""
        return ProjectTask(self.database, find_task(self.database, name))

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks."""
        return tuple(list_tasks(self.database))

    def load(self, folder: str | Path) -> "TrainedModel":
        """A model that `save` wrote, bound to this project; ModelFileError where a file was altered."""
        return TrainedModel(self.database, load_model(Path(folder)))


@dataclass(frozen=True)
class ProjectTask:
    """A task of an open project."""

    database: Database
    task: Task

    def evaluate(self, regime: str = "fresh", settings: FitSettings | None = None) -> Evaluation:
        """Backtest on the test split in one regime: frozen, fresh or rolling."""
        return evaluate(self.database, self.task, Regime(regime), settings or FitSettings())


@dataclass(frozen=True)
class TrainedModel:
    """A fitted model bound to the project that it predicts from."""

    database: Database
    model: Model

    def predict(self, keys: Sequence[Any] | None = None, as_of: str | None = None) -> pa.Table:
        """Predictions at one cutoff.

        Args:
            keys: entity keys; the task's population where none are given.
            as_of: a UTC time, also the cutoff; by default the first moment at which every row is visible.

        Returns:
            Columns: the entity's key, `cutoff`, `prediction` (probability or value).

        Raises:
            DataError: a key is unknown.
        """
        task = self.model.task
        cutoff = parse_time(as_of) if as_of is not None else self.database.span[1] + 1
        if keys is None:
            seeds = population_at(self.database, task, np.array([cutoff]))
        else:
            entity = find_entities(self.database, task, pa.table({task.entity_columns[0]: pa.array(keys)}))
            if (entity < 0).any():
                unknown = list(keys)[int(np.flatnonzero(entity < 0)[0])]
                raise DataError(
                    f"no {task.entity_columns[0]} {unknown!r}",
                    where=f"table {task.entity_table}",
                    fix="ask for a key that the table holds",
                )
            seeds = Seeds.at(entity, np.full(len(entity), cutoff, dtype=np.int64))
        found = self.model.predict(self.database, seeds)
        return prediction_table(self.database, task, seeds, found.prediction)

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder`, without pickle."""
        save_model(self.model, Path(folder))


def open(folder: str | Path, home: str | Path | None = None) -> OpenProject:  # noqa: A001 - `rdl.open` reads as what it does
    """Read the project in `folder`; see `rdl check` for what was found in it."""
    return OpenProject(open_database(open_project(folder, home)))


def train(task: ProjectTask, as_of: str | None = None, settings: FitSettings | None = None) -> TrainedModel:
    """Fit on every label that is mature at `as_of`, the end of the data by default."""
    moment = parse_time(as_of) if as_of is not None else task.database.span[1] + 1
    return TrainedModel(task.database, fit_model(task.database, task.task, moment, settings or FitSettings()))
