"""Where scores go: a partition of Parquet, a table of a DuckDB file, or a table of PostgreSQL.

A sink holds, of every cutoff that is published, what was published last: one row an entity and cutoff. To publish the same scores
twice changes nothing, and a publication that dies leaves what was there.
"""

from rdl.database.sinks.scores import Published, Scores
from rdl.database.sinks.sink import publish_scores
from rdl.database.sinks.target import Target, is_table, parse_target

__all__ = ["Published", "Scores", "Target", "is_table", "parse_target", "publish_scores"]
