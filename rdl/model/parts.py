"""Predictions of very many seeds, part by part in bounded memory.

What does not depend on the entity is computed once for all parts, so few large parts cost little more than one. Which parts there
are changes no prediction.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rdl.database import Database
from rdl.database.engine import Caution, EngineDefectError
from rdl.features import FeatureMatrix, FeatureTable, compute_parts
from rdl.model.fitted import Model, Predictions, check_schema
from rdl.model.inputs import Batch, Int, Past, Prepared, Source
from rdl.task import Seeds, phase

log = logging.getLogger(__name__)

SLICE = 100_000
"""Seeds at a time where features are not computed from the rows: ranked lists, and what is read from tonight's table."""


def predict_parts(
    model: Model, database: Database, seeds: Seeds, table: FeatureTable | None = None, most: int | None = None
) -> Iterator[tuple[Int, Predictions]]:
    """As `Model.predict`, in parts: (places among the seeds, their predictions); together they hold every place once.

    Args:
        model: what predicts.
        database: the rows.
        seeds: n seeds.
        table: one of `model.tables(database)`, to read features from instead of computing them.
        most: seeds a part, about; by memory where it is not given.

    Raises:
        SchemaError: the database lacks a table or column that the model reads.
    """
    check_schema(model, database)
    source = replace(model.source(database), keep=False, table=table)
    computed = source.candidates is None and (table is None or not table.covers(seeds).any())
    if not computed or len(np.unique(phase(model.task, seeds.cutoff))) != 1:
        for start in range(0, len(seeds), most or SLICE):
            index = np.arange(start, min(start + (most or SLICE), len(seeds)))
            yield index, model.predict_prepared(source, source.prepare(seeds[index]))
        return
    past = Past(database, model.task, seeds.cutoff)
    for index, features in _computed(source, seeds, past, most):
        part = Batch(len(index), ((np.arange(len(index)), Prepared(seeds[index], features, past)),))
        yield index, model.predict_prepared(source, part)


def _computed(source: Source, seeds: Seeds, past: Past, most: int | None) -> Iterator[tuple[Int, FeatureMatrix]]:
    """Features by part; where DuckDB dies of an error of its own, the parts that are left on a more cautious engine."""
    left = np.arange(len(seeds))
    for caution in (Caution.NONE, Caution.SIDES, Caution.CACHE):
        now = left
        try:
            with source.database.engine(caution) as engine:
                for index, features in compute_parts(source.plan, engine, seeds[now], past.history, most):
                    yield now[index], features
                    left = np.setdiff1d(left, now[index], assume_unique=True)
        except EngineDefectError as error:
            if caution is Caution.CACHE:
                raise
            log.warning("database: %s", error.what.splitlines()[0])
        else:
            return
