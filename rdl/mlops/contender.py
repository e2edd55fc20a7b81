"""Who stands before the gate, and how they answer labels that they were not fitted on.

A model that was fitted before the first of the labels answers them itself. Of a model that has seen them (tonight's challenger has
seen every label there is) its settings answer: they are fitted anew as of the first cutoff, with nothing but what was known then.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.database import Database
from rdl.errors import GateError
from rdl.task import Kind, Labels, Split, Task, labels_at, mature_cutoffs
from rdl.task.draw import drawn
from rdl.task.static import of_split
from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.model import FitSettings, Model

SETTINGS = "rdl.settings"
"""The tag of a version that holds its settings as JSON."""


@dataclass(frozen=True)
class Contender:
    """A model with a name, and how it was fitted where that is known."""

    name: str
    model: "Model"
    settings: "FitSettings | None"

    def answers_itself(self, task: Task, first: int) -> bool:
        """Whether it has seen nothing from the cutoff `first` on."""
        return not task.static and self.model.as_of <= first

    def before(self, database: Database, task: Task, first: int) -> "Model":
        """The model that answers for it at cutoffs from `first` on.

        Raises:
            GateError: it has seen these labels, and nobody knows how it was fitted.
            TaskError: too little was known then to fit anything.
        """
        from rdl.model import fit_model

        if self.answers_itself(task, first):
            return self.model
        if self.settings is None:
            raise GateError(
                f"{self.name} has seen the labels from {format_time(first)} on, and its settings are not known",
                where=f"tag {SETTINGS}",
                fix="judge it when newer labels are mature, or promote with --force and a reason",
            )
        return fit_model(database, task, first, self.settings, held_out=task.static)

    def how(self, task: Task, first: int) -> str:
        """In words, who answers."""
        if self.answers_itself(task, first):
            return f"{self.name}, fitted as of {format_time(self.model.as_of)}, answers itself"
        known = "without the test split" if task.static else f"as of {format_time(first)}"
        return f"the settings of {self.name}, fitted {known}, answer for it"


def held_out(database: Database, task: Task, champion: Contender, as_of: int, most: int) -> NDArray[np.int64]:
    """Ascending cutoffs of the latest labels that are mature at `as_of`.

    Of the `most` latest, those that the champion has not seen; all of them where it has seen all.

    Raises:
        TaskError: hardly a label is mature.
    """
    latest = mature_cutoffs(task, as_of, database.span)[-most:]
    unseen = latest[latest >= champion.model.as_of]
    return latest if task.static or not len(unseen) else unseen


def labels_of(database: Database, task: Task, cutoffs: NDArray[np.int64], rows: int, seed: int) -> Labels:
    """The labels at `cutoffs`, at most about `rows` of them: whole entities, drawn by a hash."""
    labels = of_split(database, task, labels_at(database, task, cutoffs)[0], Split.TEST)
    if len(labels) <= rows:
        return labels
    number = drawn(labels.seeds.entity, np.zeros(len(labels), dtype=np.int64), seed)
    return labels[number <= np.sort(number)[rows - 1]]


def with_all_classes(task: Task, models: "tuple[Model, ...]") -> Task:
    """The task with every class that any of the models knows."""
    if not task.kind.classed:
        return task
    return replace(task, classes=tuple(dict.fromkeys(c for model in models for c in model.task.classes)))


def aligned(task: Task, model: "Model", prediction: NDArray[Any]) -> NDArray[Any]:
    """[n, classes of the task] probabilities of [n, classes of the model]: none for a class that the model does not know."""
    if not task.kind.classed:
        return prediction
    place = {name: i for i, name in enumerate(task.classes)}
    whole = np.zeros((len(prediction), len(task.classes)))
    whole[:, [place[name] for name in model.task.classes]] = prediction
    return whole


def comparable(task: Task, model: "Model") -> bool:
    """Whether the model answers what the task asks: the same kind, about the same table, in lists of the same length."""
    theirs = model.task
    same = (theirs.kind, theirs.entity_table, theirs.target_table) == (task.kind, task.entity_table, task.target_table)
    return same and (task.kind is not Kind.RECOMMENDATION or theirs.top == task.top)


def settings_text(settings: "FitSettings") -> str:
    """Settings as a tag holds them."""
    return json.dumps(asdict(settings), sort_keys=True)


def settings_of(tags: Mapping[str, str]) -> "FitSettings | None":
    """The settings that a version's tags hold; None where there are none, or those of another code."""
    from rdl.boost import BoostSettings
    from rdl.boost.ranking import RankSettings
    from rdl.gnn import GnnSettings
    from rdl.model import FitSettings

    try:
        raw = json.loads(tags[SETTINGS])
        parts = {
            "boost": None if raw["boost"] is None else BoostSettings(**_tuples(raw["boost"])),
            "gnn": GnnSettings(**_tuples(raw["gnn"])),
            "ranking": RankSettings(**_tuples(raw["ranking"])),
        }
        return FitSettings(**{**_tuples(raw), **parts})
    except (KeyError, TypeError, ValueError):
        return None


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON has them, with tuples for its lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
