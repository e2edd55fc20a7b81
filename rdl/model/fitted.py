"""A fitted model: members, their blend, and everything that prediction needs except the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost import blend_groups
from rdl.database import Database
from rdl.errors import SchemaError, UsageError, nearest
from rdl.features import FeaturePlan, FeatureTable, fitting_tables, materialise
from rdl.features.kept.table import TableFacts
from rdl.model.grouping import groups_of
from rdl.model.inputs import Batch, Past, Prepared, Source
from rdl.model.member import FittedMember
from rdl.model.settings import Choices
from rdl.model.uncertainty import LOWER, UPPER
from rdl.task import Seeds, Task


@dataclass(frozen=True)
class Predictions:
    """Predictions of n seeds.

    Attributes:
        prediction: [n, …] blended, calibrated predictions (see `FittedMember.predict`).
        members: those of every member.
        beside: how sure they are, as columns [n] or [n, classes] by name: see `rdl.model.uncertainty`.
        sizes: [n, 2] how large a regression's residual was expected to be below and above.
        raw: [n, …] the blend before it was calibrated; None where it is not.
    """

    prediction: NDArray[Any]
    members: Mapping[str, NDArray[Any]]
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    sizes: NDArray[np.float64] = field(default_factory=lambda: np.ones((0, 2)))
    raw: NDArray[Any] | None = None

    @property
    def lower(self) -> NDArray[np.float64] | None:
        """[n] lower ends of the first level's intervals, where there are any."""
        return self.beside.get(LOWER)

    @property
    def upper(self) -> NDArray[np.float64] | None:
        """[n] upper ends of the first level's intervals, where there are any."""
        return self.beside.get(UPPER)


@dataclass(frozen=True)
class Model:
    """What `fit_model` makes; it predicts any seeds of any later snapshot of the same schema.

    Attributes:
        task: the question, with its SQL.
        as_of: every label that was fitted on was mature then, microseconds UTC.
        fitted: the members by name.
        choices: what the folds decided: the frozen features and the blend's weights among it.
        facts: counts and settings for reports: seed, rows, cutoffs, base rate, the data's fingerprint.
    """

    task: Task
    as_of: int
    fitted: Mapping[str, FittedMember]
    choices: Choices
    facts: Mapping[str, Any]

    @property
    def plan(self) -> FeaturePlan:
        """The frozen features."""
        return self.choices.plan

    @property
    def members(self) -> tuple[str, ...]:
        """The members' names."""
        return tuple(self.fitted)

    @property
    def weights(self) -> Mapping[str, float]:
        """The blend's weights by member."""
        return self.choices.weights

    def predict(self, database: Database, seeds: Seeds, table: FeatureTable | None = None) -> Predictions:
        """Predictions of `seeds`, in their order; each depends on its own entity, cutoff and visible rows alone.

        Args:
            database: the rows.
            seeds: n seeds.
            table: one of `tables(database)`, to read features from instead of computing them.

        Raises:
            SchemaError: the database lacks a table or column that the model reads.
        """
        check_schema(self, database)
        source = replace(self.source(database), keep=False, table=table)
        return self.predict_prepared(source, source.prepare(seeds))

    def source(self, database: Database) -> Source:
        """A database as this model reads it."""
        return Source(database, self.task, self.plan, self.choices.candidates)

    def tables(self, database: Database) -> tuple[FeatureTable, ...]:
        """The tables of tonight's features that were made for this model from this database, in the order of their moments."""
        return fitting_tables(database, self.task, self.plan)

    def materialise(self, database: Database, as_of: int, folder: Path) -> TableFacts:
        """Write the features of all entities at one cutoff into `folder`.

        Raises:
            SchemaError: the database lacks a table or column that the model reads.
            TaskError: no entity is visible at `as_of`.
        """
        check_schema(self, database)
        history = Past(database, self.task, np.array([as_of], dtype=np.int64)).history
        return materialise(database, self.task, self.plan, as_of, history, folder)

    def predict_prepared(self, source: Source, batch: Batch) -> Predictions:
        """Predictions of inputs that were prepared with this model's plan."""
        if not batch.parts:
            nothing = np.empty((0, *self.task.shape))
            sizes = np.ones((0, 2))
            beside = self.choices.uncertainty.columns(self.task, nothing, sizes)
            return Predictions(nothing, dict.fromkeys(self.fitted, nothing), beside, sizes)
        found = [self._answers(source, inputs) for _, inputs in batch.parts]
        members = {name: batch.gather([of[name] for of in found]) for name in self.fitted}
        raw = [self._mixed(part, inputs) for part, (_, inputs) in zip(found, batch.parts, strict=True)]
        sure, calibration = self.choices.uncertainty, self.choices.calibration
        mixed = raw if calibration is None else [calibration.apply(part, self.task.kind) for part in raw]
        parts = zip(batch.parts, mixed, strict=True)
        sizes = batch.gather([sure.sizes(inputs.features, part) for (_, inputs), part in parts])
        prediction = batch.gather(mixed)
        before = None if calibration is None else batch.gather(raw)
        return Predictions(prediction, members, sure.columns(self.task, prediction, sizes), sizes, before)

    def telling(self, levels: Sequence[float] | None = None, quantiles: Sequence[float] | None = None) -> "Model":
        """The same model, whose predictions have other levels of intervals or sets beside them, and other quantiles.

        Raises:
            UsageError: it was fitted without any.
        """
        sure = self.choices.uncertainty
        if sure.regions is None:
            raise UsageError(
                f"the model of {self.task.name!r} knows no intervals: its task is {self.task.kind.value}, or it was fitted without",
                fix="fit it with a level: --intervals 0.9",
            )
        told = replace(
            sure,
            levels=sure.levels if levels is None else tuple(levels),
            quantiles=sure.quantiles if quantiles is None else tuple(quantiles),
        )
        return replace(self, choices=replace(self.choices, uncertainty=told))

    def _mixed(self, members: Mapping[str, NDArray[Any]], inputs: Prepared) -> NDArray[Any]:
        """[n, …] the blend, before it is calibrated."""
        mixing = self.choices.mixing
        return blend_groups(members, self.weights, self.task.kind, mixing, groups_of(inputs, mixing.by, self.task))

    def _answers(self, source: Source, inputs: Prepared) -> dict[str, NDArray[Any]]:
        """Every member's predictions of one part, whose candidates are let go when it is done."""
        opened = source.opened(inputs)
        return {name: fitted.predict(opened, source) for name, fitted in self.fitted.items()}

    def importance(self) -> dict[str, float]:
        """Share of each feature in the members that know it, weighted by the blend, largest first."""
        total: dict[str, float] = {}
        for name, member in self.fitted.items():
            for feature, share in member.importance().items():
                total[feature] = total.get(feature, 0.0) + share * self.weights.get(name, 0.0)
        whole = sum(total.values()) or 1.0
        return {name: share / whole for name, share in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))}


def check_schema(model: Model, database: Database) -> None:
    """Refuse a database that the model cannot read.

    Raises:
        SchemaError: a table or a column that the model was fitted with is missing or means something else.
    """
    expected = model.facts["schema"]
    for name, columns in expected.items():
        if name not in database.schema.tables:
            raise SchemaError(
                f"the model reads table {name!r}, which the database lacks",
                where=f"model of {model.task.name}",
                fix=nearest(name, database.schema.tables),
            )
        present = {c.name: c.semantic.value for c in database.schema[name].columns}
        for column, semantic in columns.items():
            if column not in present:
                raise SchemaError(
                    f"the model reads {name}.{column}, which the database lacks",
                    where=f"model of {model.task.name}",
                    fix=nearest(column, present),
                )
            if present[column] != semantic:
                raise SchemaError(
                    f"{name}.{column} was {semantic} when the model was fitted and is {present[column]} now",
                    where=f"model of {model.task.name}",
                    fix=f'declare it in rdl.toml: types = {{ {column} = "{semantic}" }}',
                )
