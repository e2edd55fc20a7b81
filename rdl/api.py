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

import numpy as np
import pyarrow as pa

from rdl.database import Database, open_database
from rdl.evaluate import Evaluation, Regime, evaluate
from rdl.model import FitSettings, Model, fit_model, load_model, save_model
from rdl.project import open_project
from rdl.task import Seeds, Task, find_task, list_tasks, population_at, prediction_table
from rdl.task.asked import Keys, find_asked, key_values
from rdl.task.promises import check_shares
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

    def predict(
        self,
        keys: "Keys | None" = None,
        as_of: str | None = None,
        *,
        intervals: Sequence[float] | None = None,
        quantiles: Sequence[float] | None = None,
    ) -> pa.Table:
        """Predictions at one cutoff.

        Args:
            keys: entity keys; the task's population where none are given. Of a key of several columns: tuples in the key's order,
                dicts, or a table (Arrow, polars) with the key's columns.
            as_of: a UTC time, also the cutoff; by default the first moment at which every row is visible.
            intervals: how often intervals, or sets of classes, hold the truth, in place of the model's own levels.
            quantiles: of a regression, to predict besides.

        Returns:
            Columns: the entity's key, `cutoff`, `prediction` (a probability, a value, a class, a list of classes, or a ranked list
            of keys), and where there are classes `probabilities`, a struct. Beside them what says how sure they are: `lower` and
            `upper` of a regression, `possible` (and `certain`) classes, `grade`; of a second level `lower_50`, of a quantile
            `quantile_10`.

        Raises:
            DataError: a key is unknown, null, or lacks a column; a level is no share.
            UsageError: levels are asked of a model that knows none.
        """
        task = self.model.task
        cutoff = parse_time(as_of) if as_of is not None else self.database.span[1] + 1
        if keys is None:
            seeds = population_at(self.database, task, np.array([cutoff]))
        else:
            entity = find_asked(self.database, task, key_values(task, keys))
            seeds = Seeds.at(entity, np.full(len(entity), cutoff, dtype=np.int64))
        tonight = next((table for table in self.model.tables(self.database) if table.facts.as_of == cutoff), None)
        found = _telling(self.model, intervals, quantiles).predict(self.database, seeds, tonight)
        return prediction_table(self.database, task, seeds, found.prediction, found.beside)

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder`, without pickle."""
        save_model(self.model, Path(folder))


def _telling(model: Model, intervals: Sequence[float] | None, quantiles: Sequence[float] | None) -> Model:
    """The model with the levels and quantiles that are asked for."""
    if intervals is None and quantiles is None:
        return model
    levels = None if intervals is None else check_shares(intervals, "intervals", "predict")
    return model.telling(levels, None if quantiles is None else check_shares(quantiles, "quantiles", "predict"))


def open(folder: str | Path, home: str | Path | None = None) -> OpenProject:  # noqa: A001 - `rdl.open` reads as what it does
    """Read the project in `folder`; see `rdl check` for what was found in it."""
    return OpenProject(open_database(open_project(folder, home)))


def train(task: ProjectTask, as_of: str | None = None, settings: FitSettings | None = None) -> TrainedModel:
    """Fit on every label that is mature at `as_of`, the end of the data by default."""
    moment = parse_time(as_of) if as_of is not None else task.database.span[1] + 1
    return TrainedModel(task.database, fit_model(task.database, task.task, moment, settings or FitSettings()))
