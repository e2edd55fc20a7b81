"""Against the peers: the entity's mean minus that of its present group, or of everybody, over the same window.

The peers' means come from the database alone, so a seed's features do not depend on which other seeds are computed with it.
"""

from collections.abc import Iterator, Sequence

from rdl.features.plan import Anchor, Block, Feature

NAME = "relative"


def propose(blocks: Sequence[Block], features: Sequence[Feature]) -> Iterator[Feature]:
    """Each mean of an entity's block minus the same mean of a group's block on the same facts, over the longest window."""
    anchors = {block.name: block for block in blocks}
    own = {_key(f, anchors[f.block]): f for f in features if f.aggregate == "mean" and anchors[f.block].anchor is Anchor.SELF}
    widest = {f.block: f.window for f in sorted(features, key=lambda f: f.window) if f.aggregate == "mean"}
    for feature in features:
        if feature.aggregate != "mean" or anchors[feature.block].anchor not in (Anchor.LAST, Anchor.WORLD, Anchor.PEERS):
            continue
        mine = own.get(_key(feature, anchors[feature.block]))
        if mine is not None and feature.window == widest.get(feature.block):
            yield Feature(
                name=f"{mine.name}-{feature.name}",
                family=NAME,
                proposer=NAME,
                aggregate="difference",
                column=mine.column,
                window=mine.window,
                rows=mine.rows,
                operands=(mine.name, feature.name),
                provenance=f"{mine.provenance} minus {feature.provenance}",
            )


def _key(feature: Feature, block: Block) -> tuple[str, str, int, int]:
    return block.table, block.measures[feature.measure].label, feature.window, feature.rows
