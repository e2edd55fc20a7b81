"""Which edge types a sampler walks in which hop, decided once per sampler from the schema and the fan-outs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdl.errors import UsageError
from rdl.graph.hashing import hash_text
from rdl.graph.store import GraphStore
from rdl.graph.tables import EdgeType, Link

Fanouts = Sequence[int] | Mapping[EdgeType, Sequence[int]]

ALL = -1
"""The fan-out that takes every visible neighbour."""

_MOST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Step:
    """One expansion: the neighbours of the nodes of table `target` that the last hop added, along one edge type.

    `distinct` says that nothing it finds can be met before or after, so de-duplication is not needed.
    """

    edge: EdgeType
    link: Link
    most: int
    salt: np.uint64
    distinct: bool

    @property
    def source(self) -> str:
        """The table whose rows are found."""
        return self.edge[0]

    @property
    def target(self) -> str:
        """The table whose nodes are expanded."""
        return self.edge[2]

    @property
    def upward(self) -> bool:
        """Whether children are found through the CSC, or a parent through the key."""
        return self.edge == self.link.upward


def fanouts_by_edge_type(fanouts: Fanouts, edge_types: list[EdgeType]) -> dict[EdgeType, list[int]]:
    """The fan-outs of every edge type that is walked; UsageError for an unknown edge type or a value below -1."""
    if isinstance(fanouts, Mapping):
        unknown = [edge for edge in fanouts if edge not in edge_types]
        if unknown:
            raise UsageError(f"no edge type {unknown[0]}", fix=f"known are: {edge_types}")
        given = {edge: list(values) for edge, values in fanouts.items()}
    else:
        given = {edge: list(fanouts) for edge in edge_types}
    for edge, values in given.items():
        if any(int(v) != v or v < ALL for v in values):
            raise UsageError(f"fan-out {values} of {edge}", fix="give whole numbers from 0 on, or -1 for all")
    return given


def plan_steps(store: GraphStore, entity_table: str, fanouts: Mapping[EdgeType, list[int]], hops: int) -> list[list[Step]]:
    """The expansions of every hop, in the store's order of edge types, leaving out those that no node can reach."""
    links = {edge: link for link in store.links for edge in (link.upward, link.downward)}
    walked: list[list[tuple[EdgeType, int]]] = []
    frontier = {entity_table}
    for hop in range(hops):
        most = {edge: values[hop] for edge, values in fanouts.items() if hop < len(values) and values[hop] != 0}
        walked.append([(e, _MOST if most[e] == ALL else most[e]) for e in store.edge_types if e in most and e[2] in frontier])
        frontier = {edge[0] for edge, _ in walked[-1]}
    reached = [entity_table, *(edge[0] for steps in walked for edge, _ in steps)]
    return [
        [Step(e, links[e], most, _salt(hop, e), e == links[e].upward and reached.count(e[0]) == 1) for e, most in steps]
        for hop, steps in enumerate(walked)
    ]


def _salt(hop: int, edge: EdgeType) -> np.uint64:
    """What distinguishes the draws of a hop and edge type, from their names alone."""
    return np.uint64(hash_text("|".join(edge)) | (hop + 1) << 32)
