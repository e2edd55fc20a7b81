"""Keeping a plan within its budget: whole groups of features go, the furthest first, and it is said which.

A group is what one family says of one block. The deepest blocks lose theirs first, and of those the families that tell least.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

from rdl.features.plan import Block, Feature, Omission, PlanSettings

log = logging.getLogger(__name__)

TELLING = (
    "static",
    "calendar",
    "target",
    "windows",
    "record",
    "recency",
    "alike",
    "attributes",
    "relative",
    "conditional",
    "sequence",
    "world",
    "peers",
    "tokens",
    "streaks",
    "variety",
    "season",
)
"""Families, those first that are known to tell most."""

Group = tuple[str, str]


def within_budget(
    blocks: Iterable[Block], features: Sequence[Feature], settings: PlanSettings
) -> tuple[list[Feature], list[Omission]]:
    """As many features as the settings allow, in their order, and the groups that had to go."""
    by_name = {block.name: block for block in blocks}
    homes = {f.name: f.block for f in features}
    groups: dict[Group, list[Feature]] = {}
    for feature in features:
        groups.setdefault((feature.family, homes[feature.operands[0]] if feature.operands else feature.block), []).append(feature)
    left = {f.name: f for f in features}
    omitted = []
    for family, block in sorted(groups, key=lambda g: _place(g, by_name), reverse=True):
        if len(left) <= settings.budget:
            break
        gone = {f.name for f in groups[family, block] if f.name in left}
        gone |= {f.name for f in left.values() if any(o in gone for o in f.operands)}
        left = {name: f for name, f in left.items() if name not in gone}
        if gone:
            why = f"{len(features)} features were proposed, {settings.budget} are the budget, and this is furthest or tells least"
            omitted.append(Omission(f"{family} of {block}" if block else family, why, len(gone)))
    if omitted:
        said = ", ".join(f"{o.what} ({o.features})" for o in omitted)
        log.info("features: %d of %d are left out for the budget: %s", len(features) - len(left), len(features), said)
    return list(left.values()), omitted


def _place(group: Group, blocks: Mapping[str, Block]) -> tuple[int, int, str]:
    """Near and telling groups come first."""
    family, name = group
    telling = TELLING.index(family) if family in TELLING else len(TELLING)
    return depth(blocks[name]) if name else 0, telling, name


def depth(block: Block) -> int:
    """The longest chain of references that leads to the block's rows, one way."""
    return max((len(chain.hops) for chain in (block.facts, block.ascent) if chain), default=0)
