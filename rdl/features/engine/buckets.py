"""Buckets of keys: how many a block needs so that memory stays bounded, its points and its fact rows in each.

One bucket is read from the database straight away. For several, the rows are dealt out once (`rdl.features.engine.spill`), for all
parts of a call together where that takes little room; so the table is read once and not once a bucket.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.features.compile import POINTS, fact_table
from rdl.features.engine import kernels
from rdl.features.engine.events import Events, Keys, events_of, read_events
from rdl.features.engine.flat import WANTED, FlatBlock
from rdl.features.engine.lanes import Lanes
from rdl.features.engine.spill import Spill, deal_out
from rdl.features.plan import Anchor, Block

log = logging.getLogger(__name__)

Int = NDArray[np.int64]

BYTES_A_BUCKET = 2**27
"""What a bucket's rows, and what its points, may take while kernels compute it; a block that takes twice that is not split."""
BYTES_KEPT = 2**32
"""What rows that wait for later parts of a call may take on the disk, all blocks together."""
FEW = 20
"""Where there are this many rows a point, the database filters them; else it is cheaper to read them all."""
FACTS_A_BUCKET = 2_000_000
POINTS_A_BUCKET = 200_000


@dataclass(frozen=True)
class Share:
    """The keys that leave `rest` when divided by `count`: all that a call asks about."""

    count: int = 1
    rest: int = 0


WHOLE = Share()


class Reading:
    """The fact rows of one plan's blocks."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._counts: dict[str, int] = {}
        self._kept: dict[str, Spill] = {}

    @property
    def engine(self) -> Engine:
        """The calling thread's engine."""
        return self._lanes.engine

    def rows(self, table: str) -> int:
        """Rows of a table."""
        if table not in self._counts:
            self._counts[table] = int(self.engine.numpy(f"SELECT count(*) AS n FROM {table}")["n"][0])
        return self._counts[table]

    def buckets(self, block: Block, flat: FlatBlock | None, key: Int, share: Share) -> "Buckets":
        """A block's points, whose keys [n] ascend and are of the share, in buckets; without `flat`, SQL alone reads the rows."""
        return Buckets(self, block, flat, key, share, self._count(block, flat, len(key), share))

    def spill(self, block: Block, flat: FlatBlock, sql: str, share: Share, count: int) -> Spill:
        """The rows dealt out to the buckets of all shares, read with the condition `sql` on keys."""
        kind = np.dtype(np.int64 if block.anchor in (Anchor.PEERS, Anchor.ALIKE) else np.int32)  # codes; else places of rows
        return deal_out(self.engine, flat.events.replace(WANTED, sql), share.count * count, kind, flat.numbers, flat.natives)

    def kept(self, block: Block, flat: FlatBlock, share: Share, count: int) -> Spill | None:
        """The rows of all shares, which later parts of a call will read too; None where they would take too much room."""
        if block.name not in self._kept:
            width = 16 + 8 * (len(flat.numbers) + 2 * len(flat.natives))
            room = BYTES_KEPT - sum(spill.bytes for spill in self._kept.values())
            if share.count == 1 or self.rows(fact_table(block)) * width > room:
                return None
            self._kept[block.name] = self.spill(block, flat, f"{flat.key} IS NOT NULL", share, count)
        return self._kept[block.name]

    def close(self) -> None:
        """Let go of rows that were kept for later parts."""
        for spill in self._kept.values():
            spill.close()
        self._kept.clear()

    def _count(self, block: Block, flat: FlatBlock | None, points: int, share: Share) -> int:
        """How many buckets a share's rows and points need."""
        facts = self.rows(fact_table(block)) // share.count
        if block.anchor in (Anchor.WORLD, Anchor.SEASON):
            return 1
        if flat is None:
            return max(-(-facts // FACTS_A_BUCKET), -(-points // POINTS_A_BUCKET), 1)
        if block.name in self._kept:
            return self._kept[block.name].count // share.count
        need = max(facts * flat.row_width, points * flat.width)
        return 1 if need <= 2 * BYTES_A_BUCKET else -(-need // BYTES_A_BUCKET)


class Buckets:
    """One block's buckets: iterate over (bucket, indices of points), and ask for the rows of some keys of a bucket."""

    def __init__(self, reading: Reading, block: Block, flat: FlatBlock | None, key: Int, share: Share, count: int) -> None:
        self._reading, self._block, self._flat, self._key, self._share, self._count = reading, block, flat, key, share, count
        facts = reading.rows(fact_table(block)) // share.count
        self._all = block.anchor in (Anchor.WORLD, Anchor.SEASON)
        self._some = not self._all and (len(key) * FEW < facts or block.anchor is Anchor.PEERS)
        self._spill: Spill | None = None

    def __iter__(self) -> Iterator[tuple[int, Int]]:
        if self._count == 1:
            log.info("features: %s", self._block.name)
            yield 0, np.arange(len(self._key), dtype=np.int64)
            return
        start, order = kernels.group_rows((self._key // self._share.count % self._count).astype(np.int32), self._count)
        for b in range(self._count):
            if start[b + 1] > start[b]:
                log.info("features: %s, part %d of %d", self._block.name, b + 1, self._count)
                yield b, order[start[b] : start[b + 1]].astype(np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._spill is not None:
            self._spill.close()

    def events(self, bucket: int, keys: Int) -> Events:
        """The rows of distinct ascending keys, which are a bucket's."""
        flat = self._flat
        assert flat is not None
        if self._count == 1:
            sql, most = flat.events.replace(WANTED, self._wanted(flat.key)), self._reading.rows(fact_table(self._block))
            with self._asked(keys):
                return read_events(self._reading.engine, sql, Keys(keys), most, flat.numbers, flat.natives)
        spill = self._dealt(flat)
        return events_of(*spill.read(self._share.rest + self._share.count * bucket), Keys(keys // spill.count))

    @contextmanager
    def _asked(self, keys: Int) -> Iterator[None]:
        """Lets the database filter by keys, where it is to."""
        if not self._some:
            yield
            return
        self._reading.engine.register(POINTS, pa.table({"key": keys}))
        try:
            yield
        finally:
            self._reading.engine.unregister(POINTS)

    def _wanted(self, key: str) -> str:
        """Which rows to read, as SQL."""
        if self._all:
            return "TRUE"
        if self._some:
            return f"{key} IN (SELECT key FROM {POINTS})"
        return f"{key} % {self._share.count} = {self._share.rest}" if self._share.count > 1 else f"{key} IS NOT NULL"

    def _dealt(self, flat: FlatBlock) -> Spill:
        """The rows of all buckets."""
        kept = None if self._some else self._reading.kept(self._block, flat, self._share, self._count)
        if kept is None and self._spill is None:
            with self._asked(self._key):
                self._spill = self._reading.spill(self._block, flat, self._wanted(flat.key), self._share, self._count)
        found = kept or self._spill
        assert found is not None
        return found
