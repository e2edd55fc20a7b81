"""The message passing networks by name: a new one is a file and a line here.

A network is made from (metadata, entity_table, channels, layers, dropout); called with the encoded nodes by table and the batch,
it returns the roots' vectors float32[seeds, channels]. Batches are `HeteroData`, so PyG's own modules serve inside.
"""

from rdl.gnn.relgnn import HeteroRelGnn
from rdl.gnn.sage import HeteroGraphSage

NETWORKS = {
    "relgnn": HeteroRelGnn,
    "sage": HeteroGraphSage,
}
