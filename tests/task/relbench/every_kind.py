"""A RelBench v3 folder with a task of every kind and type, written by RelBench's own classes."""

from pathlib import Path

import numpy as np
import pandas as pd
from relbench.base.task_base import label_sort_cols, sort_labels
from relbench.load import load_dataset
from relbench.manifest import DatasetManifest, TableSpec, TaskManifest

FORECAST = """SELECT t.timestamp AS date, e.user AS user, {label} AS target
FROM timestamps t
JOIN events e ON e.at > t.timestamp AND e.at <= t.timestamp + INTERVAL '{{timedelta}}'
GROUP BY t.timestamp, e.user
"""
EVER = """WITH known AS (SELECT user, max(amount) AS best FROM events GROUP BY user)
SELECT t.timestamp AS date, k.user AS user, k.best AS target FROM timestamps t CROSS JOIN known k
"""
LINKS = """SELECT t.timestamp AS date, e.user AS user, list(DISTINCT e.item) AS item
FROM timestamps t
JOIN events e ON e.at > t.timestamp AND e.at <= t.timestamp + INTERVAL '{timedelta}'
WHERE e.item IS NOT NULL GROUP BY t.timestamp, e.user
"""
ENTITY = {"entity_table": "users", "entity_col": "user", "target_col": "target", "time_col": "date", "timedelta": "10 days"}
PAIR = {"src_entity_table": "users", "src_entity_col": "user", "dst_entity_table": "items", "dst_entity_col": "item"}
LABELS = {
    "binary_classification": "CAST(sum(e.amount) > 60 AS INTEGER)",
    "regression": "sum(e.amount)",
    "multiclass_classification": "CAST(count(*) % 3 AS INTEGER)",
    "multilabel_classification": "[CAST(coalesce(sum(e.amount), 0) > 60 AS INTEGER), CAST(count(*) > 2 AS INTEGER)]",
}


def tasks() -> list[TaskManifest]:
    """A manifest for every task."""
    forecasts = [
        TaskManifest(name=f"forecast-{kind}", kind="forecast", task_type=kind, sql=FORECAST.format(label=label), **ENTITY)
        for kind, label in LABELS.items()
    ]
    return [
        *forecasts,
        TaskManifest(
            name="several",
            kind="forecast",
            task_type="binary_classification",
            sql=FORECAST.format(label=LABELS["binary_classification"]),
            num_eval_timestamps=2,
            remove_columns=[["events", "copy"]],
            **ENTITY,
        ),
        TaskManifest(name="ever", kind="forecast", task_type="regression", sql=EVER, **ENTITY),
        TaskManifest(
            name="links",
            kind="forecast",
            task_type="recommendation",
            sql=LINKS,
            eval_k=3,
            time_col="date",
            timedelta="10 days",
            **PAIR,
        ),
        *(
            TaskManifest(
                name=f"column-{column}",
                kind="autocomplete",
                task_type=kind,
                entity_table="events",
                target_col=column,
                remove_columns=[["events", "copy"]],
            )
            for column, kind in (("amount", "regression"), ("late", "binary_classification"), ("sort", "multiclass_classification"))
        ),
        TaskManifest(
            name="given", kind="external", task_type="binary_classification", remove_columns=[["events", "amount"]], **ENTITY
        ),
        TaskManifest(name="given-several", kind="external", task_type="multilabel_classification", **ENTITY),
        TaskManifest(
            name="given-links",
            kind="external",
            task_type="recommendation",
            time_col="date",
            evaluator="tgb",
            description="Scored elsewhere.",
            extra_files=["negatives.npy"],
            **PAIR,
        ),
    ]


def write_folder(folder: Path) -> Path:
    """The dataset: users who come over time, items, events; some users and items come after the test date."""
    draw = np.random.default_rng(5)
    start = pd.Timestamp("2025-01-01")
    users = pd.DataFrame({"user": range(40), "joined": [start + pd.Timedelta(days=3 * i) for i in range(40)]})
    items = pd.DataFrame(
        {"item": range(6), "colour": list("rgbrgb"), "made": [start + pd.Timedelta(days=22 * i) for i in range(6)]}
    )
    at = np.sort(draw.integers(0, 130 * 24, 900))
    events = pd.DataFrame({"event": range(900), "at": [start + pd.Timedelta(hours=int(h)) for h in at]})
    events["user"] = np.minimum((at // 72).astype(int), draw.integers(0, 40, 900))
    events["item"] = pd.array(np.where(draw.random(900) < 0.1, None, draw.integers(0, 6, 900)), dtype="Int64")
    events["amount"] = np.where(draw.random(900) < 0.1, np.nan, draw.integers(0, 50, 900).astype(float))
    events["copy"] = events["amount"]
    events["late"] = draw.integers(0, 2, 900)
    events["sort"] = draw.choice(["a", "b", "c"], 900)
    (folder / "db").mkdir(parents=True)
    for name, frame in (("users", users), ("items", items), ("events", events)):
        frame.to_parquet(folder / "db" / f"{name}.parquet", index=False)
    specs = {
        "users": TableSpec("user", "joined"),
        "items": TableSpec("item", "made"),
        "events": TableSpec("event", "at", {"user": "users", "item": "items"}),
    }
    DatasetManifest("every-kind", "2025-03-20", "2025-04-10", "Every kind.", specs).save(folder / "manifest.yaml")
    for manifest in tasks():
        manifest.validate()
        manifest.save(folder / "tasks" / manifest.name / "manifest.yaml")
    _store(folder, "given", "forecast-binary_classification")
    _store(folder, "given-several", "forecast-multilabel_classification")
    _store(folder, "given-links", "links")
    return folder


def _store(folder: Path, name: str, like: str) -> None:
    """Label tables of an external task, as another makes them."""
    task = load_dataset(folder).load_task(like)
    for split in ("train", "val", "test"):
        frame = sort_labels(task.get_table(split, mask_input_cols=False).df, label_sort_cols(task))
        frame.to_parquet(folder / "tasks" / name / f"{split}.parquet", index=False)
