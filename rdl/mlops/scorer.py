"""One saved model on one snapshot of one database, with tonight's tables of its features: what answers questions online.

A scorer never changes, and any number of questions are answered together, since each answer depends on its own rows alone. What is
newer (a table, a snapshot, a version) makes another scorer, which takes the place of this one when it is ready.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from rdl.database import Database, open_database
from rdl.database.pruning import TONIGHT
from rdl.errors import RdlError
from rdl.features import FeatureTable
from rdl.mlops.answer import Answer, online_keys
from rdl.mlops.requests import AS_OF, Asked, Question, newest, resolve
from rdl.model import Model, Source, load_model
from rdl.model.fitted import check_schema
from rdl.model.reasons import explaining_member, reasons
from rdl.project import Project
from rdl.task import Seeds, answer_columns, entity_keys
from rdl.timeline import format_time

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scorer:
    """What answers.

    Attributes:
        database: the snapshot.
        model: the saved model.
        version: of the registered model, empty where it is not known.
        tables: of tonight's features that fit the model and the snapshot, in the order of their moments.
        seen: names of all folders of tables that there were when it was made.
    """

    database: Database
    model: Model
    version: str
    tables: tuple[FeatureTable, ...]
    seen: frozenset[str]

    @staticmethod
    def open(project: Project, folder: Path, version: str = "") -> "Scorer":
        """The model saved in `folder` on the project's newest snapshot.

        Raises:
            ProjectError, SchemaError, ModelFileError: the project, its tables or the saved model is wrong.
        """
        model = load_model(folder)
        # of its own files: those of tonight are replaced while a server lives
        return Scorer.on(open_database(project.snapshot()), model, version)

    @staticmethod
    def on(database: Database, model: Model, version: str = "") -> "Scorer":
        """A model on a database, with the tables that there are now."""
        check_schema(model, database)
        seen = _folders(database.project, model.task.name)  # first: what appears meanwhile is found the next time
        return Scorer(database, model, version, model.tables(database), seen)

    def renewed(self) -> "Scorer | None":
        """The same model on what has been made since: a newer table, and the snapshot that it was made from; None for nothing new.

        Raises:
            ProjectError, SchemaError: the source is wrong now.
        """
        folders = _folders(self.database.project, self.model.task.name)
        if folders == self.seen:
            return None
        return Scorer.on(open_database(self.database.project), self.model, self.version)

    def warm(self) -> None:
        """Answer one question, so that the first one who asks does not wait for what is opened on first use."""
        task, moment = self.model.task, max([newest(self.database), *(table.facts.as_of for table in self.tables[-1:])])
        first = entity_keys(self.database, task, np.zeros(1, dtype=np.int64))  # row ids ascend with time
        keys = {n: online_keys(c.combine_chunks()).to_pylist() for n, c in zip(task.entity_columns, first.columns, strict=True)}
        for answer in self.answers([Question({**keys, AS_OF: [format_time(moment)]})]):
            if isinstance(answer, RdlError):
                log.warning("serve: the first answer failed: %s", answer.what)

    def answer(self, question: Question) -> Answer:
        """The answer to one question.

        Raises:
            RequestError: a column is missing or unknown, a key is null or unknown, or the entity did not exist yet.
            TimeError: an as_of cannot be read, or the database cannot speak for it.
            UsageError: reasons are wanted of a model that gives none.
        """
        (found,) = self.answers([question])
        if isinstance(found, RdlError):
            raise found
        return found

    def answers(self, questions: Sequence[Question]) -> list[Answer | RdlError]:
        """The answer to every question, or what is wrong with it.

        Raises:
            RdlError: nothing can be answered: the rows or the model are no longer what they were.
        """
        asked = resolve(self.database, self.model.task, questions, self.tables)
        found: list[Answer | RdlError | None] = [each if isinstance(each, RdlError) else None for each in asked]
        groups: dict[tuple[int, bool], list[int]] = {}
        for place, each in enumerate(asked):
            if isinstance(each, Asked):
                groups.setdefault((id(each.table), each.question.reasons > 0), []).append(place)
        for places in groups.values():
            together = [each for each in (asked[place] for place in places) if isinstance(each, Asked)]
            for place, answer in zip(places, self._together(together), strict=True):
                found[place] = answer
        return [each for each in found if each is not None]

    def _together(self, asked: Sequence[Asked]) -> "Sequence[Answer | RdlError]":
        """The answers to questions that read the same table, and all want reasons or none does."""
        task, most = self.model.task, max(each.question.reasons for each in asked)
        if most:
            try:
                explaining_member(self.model)
            except RdlError as error:
                return [error] * len(asked)
        source = self._sources[id(asked[0].table)]
        batch = source.prepare(Seeds.concat([each.seeds for each in asked]))
        told = self.model.predict_prepared(source, batch)
        columns = answer_columns(self.database, task, told.prediction, told.beside)
        why = reasons(self.model, batch, most) if most else None
        answers, start = list[Answer | RdlError](), 0
        for each in asked:
            part, start = slice(start, start + len(each.seeds)), start + len(each.seeds)
            keys = {name: each.question.columns[name] for name in task.entity_columns}
            said = {name: column.slice(part.start, len(each.seeds)) for name, column in columns.items()}
            few = None if why is None else [row.first(each.question.reasons) for row in why[part]]
            answers.append(Answer(keys, each.seeds.cutoff, told.prediction[part], said, few))
        return answers

    @cached_property
    def _sources(self) -> Mapping[int, Source]:
        """The database as the model reads it, by the table that features are read from; what one has opened stays open."""
        plain = replace(self.model.source(self.database), keep=False)
        return {id(table): replace(plain, table=table) for table in (None, *self.tables)}


def _folders(project: Project, task_name: str) -> frozenset[str]:
    """Names of the folders of tables that stand there whole."""
    return frozenset(path.name for path in (project.home / TONIGHT / task_name).glob("[!.]*"))
