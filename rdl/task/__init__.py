"""What to predict: task files, labels, populations, splits and folds."""

from rdl.task.catalog import find_task, list_tasks
from rdl.task.cutoffs import Fold, Split, forward_folds, mature, mature_cutoffs, phase, split_cutoffs
from rdl.task.history import past_labels
from rdl.task.labels import (
    check_classes,
    entity_keys,
    find_entities,
    labels_at,
    population_at,
    split_labels,
)
from rdl.task.sample import sample_labels
from rdl.task.seeds import History, Labels, Seeds
from rdl.task.task import Kind, Task

__all__ = [
    "Fold",
    "History",
    "Kind",
    "Labels",
    "Seeds",
    "Split",
    "Task",
    "check_classes",
    "entity_keys",
    "find_entities",
    "find_task",
    "forward_folds",
    "labels_at",
    "list_tasks",
    "mature",
    "mature_cutoffs",
    "past_labels",
    "phase",
    "population_at",
    "sample_labels",
    "split_cutoffs",
    "split_labels",
]
