"""What a server tells of itself: which model, how fresh its data, and how much it has done."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rdl.mlops.desk import Desk
from rdl.mlops.requests import latest, newest
from rdl.mlops.scorer import Scorer
from rdl.timeline import SECOND, format_time

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass
class Counts:
    """What was answered since the start: by status, and how long it took."""

    by_status: Counter[int] = field(default_factory=Counter)
    by_bound: Counter[float] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, status: int, seconds: float) -> None:
        """One more answer."""
        self.by_status[status] += 1
        self.seconds += seconds
        self.by_bound.update(bound for bound in _BOUNDS if seconds <= bound)


def health(desk: Desk, started: float) -> dict[str, Any]:
    """Plain values: the model, the data and their age, tonight's table, the queue; `started` in seconds since 1970."""
    scorer, now = desk.live.scorer, time.time()
    table = scorer.tables[-1].facts if scorer.tables else None
    return {
        "status": "degraded" if desk.live.problem else "ok",
        "problem": desk.live.problem or None,
        "task": scorer.model.task.name,
        "model": {
            "version": scorer.version or None,
            "as_of": format_time(scorer.model.as_of),
            "members": dict(scorer.model.weights),
            "changes": desk.live.changes,
        },
        "data": _data(scorer, now),
        "table": None
        if table is None
        else {
            "as_of": format_time(table.as_of),
            "entities": table.rows,
            "made_at": format_time(table.made_at),
            "age_s": _age(table.made_at, now),
        },
        "queue": {"waiting": desk.waiting, "limit": desk.limit, "batches": desk.batches},
        "up_s": round(now - started),
    }


def _data(scorer: Scorer, now: float) -> dict[str, Any]:
    """Until when the rows reach, when they were read, and for how long they may speak."""
    database, end = scorer.database, newest(scorer.database)
    return {
        "snapshot": database.fingerprint,
        "until": format_time(end),
        "age_s": _age(end, now),
        "read_at": format_time(database.read_at),
        "answers_until": format_time(latest(database, scorer.model.task)),
    }


def _age(moment: int, now: float) -> int:
    return round(now - moment / SECOND)


def metrics(desk: Desk, counts: Counts) -> str:
    """The same for Prometheus, in its text format."""
    facts, now = desk.live.scorer, time.time()
    total = sum(counts.by_status.values())
    table = facts.tables[-1].facts.made_at if facts.tables else None
    lines = ["# TYPE rdl_requests_total counter"]
    lines += [f'rdl_requests_total{{status="{status}"}} {count}' for status, count in sorted(counts.by_status.items())]
    lines += ["# TYPE rdl_request_seconds histogram"]
    lines += [f'rdl_request_seconds_bucket{{le="{bound}"}} {counts.by_bound[bound]}' for bound in _BOUNDS]
    lines += [f'rdl_request_seconds_bucket{{le="+Inf"}} {total}', f"rdl_request_seconds_sum {counts.seconds:.6f}"]
    lines += [f"rdl_request_seconds_count {total}"]
    gauges = {"waiting": desk.waiting, "model_changes": desk.live.changes, "problem": int(bool(desk.live.problem))}
    gauges |= {"data_age_seconds": _age(newest(facts.database), now)}
    gauges |= {} if table is None else {"table_age_seconds": _age(table, now)}
    lines += [line for name, value in gauges.items() for line in (f"# TYPE rdl_{name} gauge", f"rdl_{name} {value}")]
    return "\n".join([*lines, f'rdl_model{{task="{facts.model.task.name}",version="{facts.version}"}} 1', ""])
