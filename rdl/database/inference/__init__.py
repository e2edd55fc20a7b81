"""Inference: what the rows themselves say of keys, references, times and meanings, with evidence and confidence."""

from rdl.database.inference.proposal import (
    ACCEPT,
    HIGH,
    Aspect,
    Entity,
    Hidden,
    InheritedTime,
    Key,
    Link,
    Meaning,
    Proposal,
    Proposals,
    Time,
)
from rdl.database.inference.propose import propose

__all__ = [
    "ACCEPT",
    "HIGH",
    "Aspect",
    "Entity",
    "Hidden",
    "InheritedTime",
    "Key",
    "Link",
    "Meaning",
    "Proposal",
    "Proposals",
    "Time",
    "propose",
]
