"""Build the task's graph before anything is trained on it, so that its time and cost stand in a line of their own."""

import json
from pathlib import Path

from rdl.database.pruning import mark_used
from rdl.pipeline.step import Context, Outcome, Step


def graph(context: Context) -> Outcome:
    """Write `graph.json`: which graph it is, and how many rows of which tables it holds; the graph itself lies with its kin.

    Raises:
        GraphError: the rows do not make a graph.
    """
    from rdl.graph import build_graph

    database, task = context.source.database, context.source.task(context.unit.task)
    folder = context.home / "graph"
    built = build_graph(database.hiding(task.hide), folder, database.project.database.text)
    mark_used(folder / built.key)
    nodes = {name: built.table(name).rows for name in built.node_types}
    facts = {"graph": built.key, "nodes": nodes, "links": [list(edge) for edge in built.edge_types]}
    (context.aside / "graph.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(sum(nodes.values()), facts)


def _place(context: Context) -> Path:
    return context.home / "graphs" / context.unit.task / context.key


STEP = Step("graph", graph, _place, needs=("demo",), guards=("ingest", "check"), dated=False)
