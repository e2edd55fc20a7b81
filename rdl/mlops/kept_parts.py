"""Scores that are made already, in a folder named by everything that they depend on: a run that is killed goes on from them.

A part is a file that appears whole, once, and names the places in the population that it holds. A run that has put all parts
together removes the folder.
"""

import hashlib
import json
import logging
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rdl.database import Database
from rdl.database.pruning import SCORING, mark_used
from rdl.database.version import code_version
from rdl.task import Seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdl.model import Model

log = logging.getLogger(__name__)

PLACE = "_place"


def scores_key(database: Database, model: "Model", people: Seeds, version: str) -> str:
    """Hash of what scores depend on: code, rows, the fitted model, and who is scored when."""
    task = {name: value for name, value in asdict(model.task).items() if name != "path"}
    about = [code_version(), database.fingerprint, version, task, model.as_of, model.choices.to_json(), dict(model.facts)]
    text = json.dumps([*about, model.importance()], sort_keys=True, default=str)
    digest = hashlib.blake2b(text.encode(), digest_size=12)
    for column in (people.entity, people.cutoff, people.as_of):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


class KeptParts:
    """The parts of one scoring: those that were there, and those that are added."""

    def __init__(self, database: Database, key: str, size: int) -> None:
        """`size` is how many places there are."""
        self._folder = database.project.home / SCORING / key
        self._left = np.ones(size, dtype=np.bool_)
        self._parts = list[pa.Table]()
        for file in sorted(self._folder.glob("part-*.arrow")):
            self._recall(file)
        if self._parts:
            mark_used(self._folder)
            log.info("score: %d of %d were scored before", size - self._left.sum(), size)

    @property
    def left(self) -> "NDArray[np.int64]":
        """The places that have no score yet, ascending."""
        return np.flatnonzero(self._left)

    def add(self, places: "NDArray[np.int64]", answer: dict[str, pa.Array]) -> None:
        """Keep the scores of some places: on disk once this returns."""
        part = pa.table({PLACE: pa.array(places), **answer})
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = self._folder / f".{places[0]}.{os.getpid()}.tmp"
        with pa.OSFile(str(aside), "wb") as sink, pa.ipc.new_file(sink, part.schema) as file:
            file.write_table(part)
        with aside.open("rb+") as stream:
            os.fsync(stream.fileno())
        aside.replace(self._folder / f"part-{places[0]:012d}-{len(places)}.arrow")
        self._take(part)

    def whole(self) -> pa.Table:
        """The scores of all places, in their order."""
        assert not self._left.any()
        together = pa.concat_tables(self._parts).combine_chunks()
        return together.take(pa.array(np.argsort(together[PLACE].to_numpy()))).drop_columns([PLACE])

    def clear(self) -> None:
        """Remove the folder: the scores stand where they belong."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _recall(self, file: Path) -> None:
        try:
            with pa.memory_map(str(file)) as source:
                part = pa.ipc.open_file(source).read_all()
            places = part[PLACE].to_numpy()
        except (OSError, pa.ArrowException, KeyError) as error:
            log.warning("score: %s is scored again: %s", file.name, error)
            return
        if len(places) and places.min() >= 0 and places.max() < len(self._left) and self._left[places].all():
            self._take(part)

    def _take(self, part: pa.Table) -> None:
        self._parts.append(part)
        self._left[part[PLACE].to_numpy()] = False
