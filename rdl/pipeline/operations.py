"""How a pipeline runs, whatever it makes: limits, retries, what it waits for, whom it tells. No key of any work depends on it.

[run]
limit     = "2 hours"                # of every step; one that takes longer is ended
limits    = { train = "6 hours" }    # of single steps
retries   = 3                        # where a source or a sink is away
wait      = "10 seconds"             # before the first retry; twice as long before each further one
heartbeat = "/run/rdl/nightly.json"  # in the home by default
[ready]
fresh     = "1 day"                  # rows may end at most so long before the as-of, or before now without one
tables    = ["orders"]               # in each of these; in any by default
labels    = "40 days"                # the newest label that is known may be so old, for every task
wait      = "2 hours"                # for rows that are late; without it a run is refused at once
every     = "1 minute"               # how often they are looked for
[on_failure]
command   = ["/usr/local/bin/page", "rdl"]
webhook   = "https://hooks.example.com/rdl"
timeout   = "10 seconds"
"""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from rdl.errors import TimeError
from rdl.pipeline.step import Settings
from rdl.timeline import SECOND, parse_duration


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except TimeError as error:
        raise ValueError(f"{error.what}; {error.fix}") from None
    return text


Duration = Annotated[str, AfterValidator(_duration)]


def seconds(text: str) -> float:
    """A duration in seconds."""
    return parse_duration(text) / SECOND


class RunSection(Settings):
    """`[run]`: time limits of steps, retries, and the heartbeat file."""

    limit: Duration | None = None
    limits: dict[str, Duration] = Field(default_factory=dict)
    retries: int = Field(default=3, ge=0, le=100)
    wait: Duration = "10 seconds"
    heartbeat: str | None = None

    def limit_of(self, step: str) -> float | None:
        """The seconds that a step may take."""
        text = self.limits.get(step, self.limit)
        return seconds(text) if text is not None else None

    def pause(self, attempt: int) -> float:
        """The seconds between this attempt (1 is the first) and the next; an hour at most."""
        return float(min(seconds(self.wait) * 2 ** (attempt - 1), 3600.0))


class ReadySection(Settings):
    """`[ready]`: how far rows and known labels must reach before anything is done, and how long a run waits for it."""

    fresh: Duration | None = None
    tables: list[str] = Field(default_factory=list)
    labels: Duration | None = None
    wait: Duration = "0 seconds"
    every: Duration = "1 minute"


class FailureSection(Settings):
    """`[on_failure]`: whom a run that ends badly tells: a command, a webhook, or both."""

    command: list[str] = Field(default_factory=list)
    webhook: str | None = None
    timeout: Duration = "10 seconds"

    @field_validator("webhook")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://", "${")):
            raise ValueError("a webhook begins with https:// or http://")
        return value


@dataclass(frozen=True)
class Operations:
    """The sections above, defaults where the file has none."""

    run: RunSection = field(default_factory=RunSection)
    ready: ReadySection = field(default_factory=ReadySection)
    on_failure: FailureSection = field(default_factory=FailureSection)
