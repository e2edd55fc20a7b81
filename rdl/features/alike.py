"""Past labels of those who were alike: out-of-time target statistics of any category, however many values it has.

A value is known by its hash, so no vocabulary is kept and unseen values have no labels rather than a wrong code. Which value an
entity had is asked at the cutoff of each of its past labels, on the rows that were visible then; a label counts once it is known.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.database.engine import load_sql, quote
from rdl.features.compile import ALIKE, HISTORY, chain_sql, climb
from rdl.features.plan import Block
from rdl.timeline import NEVER, visible_sql

Int = NDArray[np.int64]

_MOMENTS = "feature_moments"


def codes_at(engine: Engine, source: Block, block: Block, entity: Int, as_of: Int) -> Int:
    """The code [n] of each entity's value at each moment, -1 where it has none.

    Args:
        engine: the database.
        source: the block whose last rows have the value, or lead to it.
        block: of the ALIKE anchor: the value is that of column `group` at the end of `ascent`.
        entity: [n] row ids.
        as_of: [n] only rows before these moments are looked at.
    """
    codes = np.full(len(entity), -1, dtype=np.int64)
    moments = pa.table({"_point": np.arange(len(entity), dtype=np.int64), "key": entity, "as_of": as_of})
    engine.register(_MOMENTS, moments)
    try:
        found = engine.numpy(_query(source, block))
    finally:
        engine.unregister(_MOMENTS)
    codes[found["point"]] = found["code"]
    return codes


@contextmanager
def standing(engine: Engine, source: Block, block: Block) -> Iterator[None]:
    """Lets the block's facts be read: for every past label, the code of the value that its entity had at the label's cutoff."""
    history = engine.numpy(f"SELECT _row, entity, cutoff FROM {HISTORY} ORDER BY _row")
    code = codes_at(engine, source, block, history["entity"].astype(np.int64), history["cutoff"].astype(np.int64))
    known = code >= 0
    engine.register(ALIKE, pa.table({"row": history["_row"][known], "code": code[known]}))
    try:
        yield
    finally:
        engine.unregister(ALIKE)


def _query(source: Block, block: Block) -> str:
    assert source.facts is not None
    assert block.ascent is not None
    key, time, joins = chain_sql(source)
    climbs, alias = [], "f"
    for i, hop in enumerate(block.ascent.hops):
        climbs.append(climb(hop.table, f"u{i}", f"{alias}.{quote('_ref_' + hop.column)}"))
        alias = f"u{i}"
    return load_sql("features/alike.sql").format(
        moments=_MOMENTS,
        key=key,
        time=time,
        source=f"rows.{quote(source.facts.table)}",
        joins="\n".join(joins),
        visible=visible_sql("m.time", "q.as_of"),
        table=quote(source.facts.table),
        climbs="\n".join(climbs),
        column=f"{alias}.{quote(block.group)}",
        never=NEVER,
    )
