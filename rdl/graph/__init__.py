"""The temporal heterogeneous graph: build, memory-mapped store, neighbour sampler, PyG batches.

What needs torch lives in `rdl.graph.batch`, and is not imported here.
"""

from rdl.graph.build import build_graph, graph_key
from rdl.graph.sampler import Sampler
from rdl.graph.store import GraphStore
from rdl.graph.subgraph import Subgraph
from rdl.graph.tables import EdgeType, Link, NodeTable

__all__ = ["EdgeType", "GraphStore", "Link", "NodeTable", "Sampler", "Subgraph", "build_graph", "graph_key"]
