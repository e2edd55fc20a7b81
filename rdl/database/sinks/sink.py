"""One door for all sinks."""

import logging
from collections.abc import Sequence
from pathlib import Path

from rdl.database.sinks.scores import Published, Scores
from rdl.database.sinks.target import SinkKind, Target

log = logging.getLogger(__name__)


def publish_scores(files: Sequence[Path], key: Sequence[str], target: Target) -> Published:
    """Put scores where others read them; afterwards the sink holds these rows, and no other, of their cutoffs.

    Args:
        files: Parquet as `rdl score` writes it, of one task and as-of.
        key: the columns of the entity's key.
        target: a folder, a table of a DuckDB file, or a table of PostgreSQL.

    Raises:
        DataError: the files hold no scores, or rows that nothing tells apart.
        UsageError: the table that is there cannot hold them.
        LockedError: another process is writing the DuckDB file.
        UnavailableError: the server does not answer.
        ProjectError: the server refuses.
    """
    scores = Scores.of(files, key)
    published = _publish(scores, target)
    log.info("publish: %d rows of %s as of %s in %s", published.rows, scores.task, scores.as_of, published.place)
    return published


def _publish(scores: Scores, target: Target) -> Published:
    if target.kind is SinkKind.PARQUET:
        from rdl.database.sinks.partition import write_partition

        return write_partition(scores, target)
    if target.kind is SinkKind.DUCKDB:
        from rdl.database.sinks.duckdb_table import write_duckdb

        return write_duckdb(scores, target)
    from rdl.database.sinks.postgres_table import write_postgres

    return write_postgres(scores, target)
