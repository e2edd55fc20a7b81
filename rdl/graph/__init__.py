"""The temporal heterogeneous graph: build, memory-mapped store, neighbour sampler, PyG batches."""

from rdl.graph.sampler import Sampler, Subgraph
from rdl.graph.store import GraphStore
from rdl.graph.tables import EdgeType, Link, NodeTable

__all__ = ["EdgeType", "GraphStore", "Link", "NodeTable", "Sampler", "Subgraph"]
