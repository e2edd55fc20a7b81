"""Have a pipeline run by itself: lines for crontab, units for systemd, a CronJob for Kubernetes.

All say the same: go to the folder from which the pipeline's relative paths start, run it, and do not begin while the last one runs.
Times are UTC.
"""

import re
import shlex
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rdl.errors import UsageError

_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
STOP_S = 60
"""How long a run that is told to stop may take for it."""


class Every(StrEnum):
    """How often."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Scheduler(StrEnum):
    """Who runs it."""

    CRON = "cron"
    SYSTEMD = "systemd"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True)
class Schedule:
    """What is run, where, and when.

    Attributes:
        name: the pipeline's.
        pipeline: as `rdl run` takes it.
        folder: from which it is run.
        every: weeks begin on Monday, months on the first.
        hour: UTC; of no meaning every hour.
    """

    name: str
    pipeline: str
    folder: Path
    every: Every
    hour: int
    minute: int

    @property
    def cron(self) -> str:
        """The five fields of crontab."""
        fields = {Every.HOUR: "* * * *", Every.DAY: "H * * *", Every.WEEK: "H * * 1", Every.MONTH: "H 1 * *"}
        return f"{self.minute} {fields[self.every].replace('H', str(self.hour))}"

    @property
    def calendar(self) -> str:
        """The same, as systemd writes it."""
        days = {Every.HOUR: "*-*-*", Every.DAY: "*-*-*", Every.WEEK: "Mon *-*-*", Every.MONTH: "*-*-01"}
        hour = "*" if self.every is Every.HOUR else f"{self.hour:02}"
        return f"{days[self.every]} {hour}:{self.minute:02}:00 UTC"


def schedule(name: str, pipeline: str, at: str, every: Every, folder: Path) -> Schedule:
    """A schedule.

    Raises:
        UsageError: `at` is no time of the day.
    """
    match = _AT.fullmatch(at)
    if match is None:
        raise UsageError(f"not a time of the day: {at!r}", where="--at", fix="write it as 02:15")
    return Schedule(name, pipeline, folder, every, int(match.group(1)), int(match.group(2)))


def crontab(when: Schedule) -> dict[str, str]:
    """The file by its name: one line to append to a crontab, with a comment."""
    words = " ".join(map(shlex.quote, [*_rdl(), "run", when.pipeline, "--json"]))
    line = f"cd {shlex.quote(str(when.folder))} && {words} >> {shlex.quote(f'{when.name}.log')} 2>&1"
    escaped = line.replace("%", r"\%")  # to cron a bare % begins the standard input
    note = f"# pipeline {when.name}; times are UTC where cron knows CRON_TZ, and the machine's own elsewhere"
    return {f"{when.name}.cron": f"{note}\nCRON_TZ=UTC\n{when.cron}  {escaped}\n"}


def systemd(when: Schedule) -> dict[str, str]:
    """A service and its timer, by file name; the timer makes up for a time at which the machine was off."""
    command = " ".join(_unit_word(word) for word in [*_rdl(), "run", when.pipeline, "--json"])
    service = (
        f"[Unit]\nDescription=rdl pipeline {_unit_text(when.name)}\nWants=network-online.target\nAfter=network-online.target\n\n"
        f"[Service]\nType=oneshot\nWorkingDirectory={_unit_text(str(when.folder))}\nExecStart={command}\n"
        f"TimeoutStartSec=infinity\nTimeoutStopSec={STOP_S}\nKillMode=mixed\n"
    )
    timer = (
        f"[Unit]\nDescription=rdl pipeline {_unit_text(when.name)}, every {when.every}\n\n"
        f"[Timer]\nOnCalendar={when.calendar}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    )
    return {f"rdl-{when.name}.service": service, f"rdl-{when.name}.timer": timer}


def kubernetes(when: Schedule, image: str, claim: str) -> dict[str, str]:
    """A CronJob that mounts the folder from a volume claim; an exit code that a second try cannot mend ends the job at once.

    Args:
        when: its folder is the path inside the container.
        image: with `rdl` in its PATH.
        claim: the PersistentVolumeClaim with the project.
    """
    import yaml

    volume, name = "project", _label(when.name)
    container = {
        "name": "rdl",
        "image": image,
        "command": ["rdl", "run", when.pipeline, "--json"],
        "workingDir": str(when.folder),
        "volumeMounts": [{"name": volume, "mountPath": str(when.folder)}],
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": STOP_S,
        "containers": [container],
        "volumes": [{"name": volume, "persistentVolumeClaim": {"claimName": claim}}],
    }
    final = {"containerName": "rdl", "operator": "In", "values": [2, 3, 4]}
    job = {
        "backoffLimit": 2,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": final}]},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
    }
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "schedule": when.cron,
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": job},
        },
    }
    return {f"{when.name}.yaml": yaml.safe_dump(manifest, sort_keys=False, width=130)}


def _rdl() -> list[str]:
    """The command, as it stands beside this interpreter."""
    script = Path(sys.executable).with_name("rdl")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "rdl.cli"]


def _unit_text(text: str) -> str:
    return text.replace("%", "%%")


def _unit_word(text: str) -> str:
    """One word of ExecStart: quoted, and without variables and specifiers."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_unit_text(escaped)}"'


def _label(name: str) -> str:
    """A name as Kubernetes takes it: lower case, 52 characters at most."""
    return re.sub(r"[^a-z0-9]+", "-", f"rdl-{name.lower()}").strip("-")[:52].strip("-")
