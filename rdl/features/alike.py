"""Past labels of those who were alike: out-of-time target statistics of any category, however many values it has.

A value is known by its hash, so no vocabulary is kept and unseen values have no labels rather than a wrong code. Which value an
entity had is asked at the cutoff of each of its past labels, on the rows that were visible then; a label counts once it is known.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.database.engine import load_sql, quote
from rdl.features.compile import ALIKE, HISTORY, chain_sql, climb
from rdl.features.engine import kernels
from rdl.features.engine.events import Keys, read_events
from rdl.features.plan import Block
from rdl.timeline import NEVER

Int = NDArray[np.int64]

_LASTS = "feature_lasts"


class Cohorts:
    """The values of entities at the moments of a call's seeds and of its past labels; what blocks share is found once."""

    def __init__(self, engine: Engine, blocks: Sequence[Block], entity: Int, as_of: Int) -> None:
        self._engine = engine
        self._blocks = {block.name: block for block in blocks}
        self._seeds = len(entity)
        history = engine.numpy(f"SELECT _row, entity, cutoff FROM {HISTORY} ORDER BY _row")
        self._history = history["_row"]
        self._entity = np.concatenate([entity, history["entity"].astype(np.int64)])  # [seeds + labels]
        self._moment = np.concatenate([as_of, history["cutoff"].astype(np.int64)])
        self._lasts: dict[str, Int] = {}

    def codes(self, block: Block) -> tuple[Int, Int]:
        """The codes of the seeds' values and of the past labels' in an ALIKE block, -1 where there is none."""
        assert block.ascent is not None
        source = self._blocks[block.source]
        if source.name not in self._lasts:
            self._lasts[source.name] = _last_rows(self._engine, source, self._entity, self._moment)
        last = self._lasts[source.name]
        codes = np.full(len(last), -1, dtype=np.int64)
        known = np.flatnonzero(last >= 0)
        self._engine.register(_LASTS, pa.table({"point": known, "row": last[known], "as_of": self._moment[known]}))
        try:
            found = self._engine.numpy(_values(source, block))
        finally:
            self._engine.unregister(_LASTS)
        codes[found["point"]] = found["code"]
        return codes[: self._seeds], codes[self._seeds :]

    @contextmanager
    def standing(self, codes: Int) -> Iterator[None]:
        """Lets a block's facts be read: past labels by the codes [labels] that `codes` found."""
        known = codes >= 0
        self._engine.register(ALIKE, pa.table({"row": self._history[known], "code": codes[known]}))
        try:
            yield
        finally:
            self._engine.unregister(ALIKE)


def _last_rows(engine: Engine, source: Block, entity: Int, moment: Int) -> Int:
    """The row id of the last row that each entity [n] of a block has before each moment [n]; -1 where it has none."""
    assert source.facts is not None
    keys = Keys(_distinct(entity))
    key, time, joins = chain_sql(source)
    sql = load_sql("features/events.sql").format(
        key=key,
        time=time,
        source=f"rows.{quote(source.facts.table)}",
        joins="\n".join(joins),
        columns=", CAST(f._row AS DOUBLE) AS own",
        wanted=f"{key} IS NOT NULL",
        never=NEVER,
    )
    rows = int(engine.numpy(f"SELECT count(*) AS n FROM rows.{quote(source.facts.table)}")["n"][0])
    events = read_events(engine, sql, keys, rows, ("own",), ())
    slot = keys.slots(entity)
    low, high, end = events.start[slot], events.start[slot + 1], np.empty(len(entity), dtype=np.int64)
    kernels.first_unseen(events.time, low, high, moment, 0, end)
    own = np.append(events.number("own"), -1.0)
    return np.where(end > low, own[end - 1], -1).astype(np.int64)


def _distinct(entity: Int) -> Int:
    """The distinct row ids among them, ascending: told off in an array, which is a tenth of the work of sorting them."""
    if entity.min(initial=0) < 0:
        return np.unique(entity)
    present = np.zeros(int(entity.max(initial=-1)) + 1, dtype=np.bool_)
    present[entity] = True
    return np.flatnonzero(present)


def _values(source: Block, block: Block) -> str:
    """The query of the codes of a block's values at the last rows."""
    assert source.facts is not None
    assert block.ascent is not None
    climbs, alias = [], "f"
    for i, hop in enumerate(block.ascent.hops):
        climbs.append(climb(hop.table, f"u{i}", f"{alias}.{quote('_ref_' + hop.column)}"))
        alias = f"u{i}"
    return load_sql("features/alike.sql").format(
        lasts=_LASTS, table=quote(source.facts.table), climbs="\n".join(climbs), column=f"{alias}.{quote(block.group)}"
    )
