"""Files of scores, as scoring writes them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rdl.timeline import format_time, parse_time


def write_scores(path: Path, rows: dict[int, float], as_of: str = "2025-12-01", version: str = "3", **more: pa.Array) -> Path:
    """Scores by customer at one cutoff, with further columns of the answer."""
    moment = parse_time(as_of)
    table = pa.table(
        {
            "customer_id": pa.array(list(rows), pa.int64()),
            "cutoff": pa.array([moment] * len(rows), pa.timestamp("us")),
            "prediction": pa.array(list(rows.values()), pa.float64()),
            **more,
        }
    )
    facts = {
        "rdl.task": "churn",
        "rdl.as_of": format_time(moment),
        "rdl.model_version": version,
        "rdl.model_as_of": "2025-11-30",
        "rdl.snapshot": "abc",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(facts), path)
    return path
