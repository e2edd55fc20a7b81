"""Seconds, CPU-seconds and peak memory of a piece of work, one JSON object a line; imports nothing that weighs."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def measure(case: str, work: Callable[[], Any]) -> Any:
    """Run, print seconds and peak memory, and return what the work returned."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    report(case, time.perf_counter() - wall, "s")
    report(f"{case}, processor", time.process_time() - processor, "s")
    return result


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON."""
    line = {"name": Path(sys.argv[0]).stem, "case": case, "value": round(value, 4), "unit": unit, "peak_mib": round(peak())}
    print(json.dumps(line), flush=True)


def peak() -> float:
    """The most memory this process has used, MiB. (`ru_maxrss` of a child knows its parent's too.)"""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
