"""The labels of a RelBench task's splits: those of RelBench's own tables, row for row.

Labels at a cutoff, by which models are fitted, are asked of all rows that are there. RelBench's tables leave out entities that come
after the test date, and ask training and validation of the rows up to it.
"""

import numpy as np
import pyarrow as pa

from rdl.database import Database
from rdl.task.cutoffs import Split
from rdl.task.fixed import moments_of
from rdl.task.keys import find_entities
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.manifest import AUTOCOMPLETE, read_manifest
from rdl.task.relbench.tables import label_table
from rdl.task.relbench.trained import as_label
from rdl.task.seeds import Labels, Seeds
from rdl.task.targets import read_targets
from rdl.task.task import Task


def published_labels(database: Database, task: Task, split: Split) -> Labels:
    """The labels of a split of a task that a manifest describes, ordered by (cutoff, entity).

    Raises:
        TaskError: see `label_table`.
    """
    folder = None if task.path.is_absolute() else find_folder(database.project)  # a saved model knows its file's name alone
    manifest = read_manifest(task.path) if folder is None else folder.task(task.name)
    table = label_table(database, manifest, split)
    time = manifest.time_col or table.column_names[0]
    entity = table.column_names[1] if manifest.kind == AUTOCOMPLETE else task.entity_columns[0]
    cutoff = moments_of(table, time) + (1 if manifest.kind == AUTOCOMPLETE else 0)
    found = read_targets(database, task, as_label(manifest, table[task.label_column]))
    seeds = Seeds.at(find_entities(database, task, pa.table({"key": table[entity]})), cutoff)
    labels = Labels(seeds, found.target, found.lists)
    there = ~found.null if found.lists is None else ~found.null & (found.lists.sizes > 0)
    keep = np.flatnonzero((seeds.entity >= 0) & there)
    return labels[keep[np.lexsort((seeds.entity[keep], seeds.cutoff[keep]))]]
