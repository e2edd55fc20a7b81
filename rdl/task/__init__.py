"""What to predict: task files, labels, populations, splits and folds."""

from rdl.task.answers import answer_columns, prediction_table
from rdl.task.catalog import find_task, list_tasks
from rdl.task.classes import channels, known, label_channels
from rdl.task.cutoffs import Fold, Split, forward_folds, mature, mature_cutoffs, phase, split_cutoffs
from rdl.task.history import past_labels
from rdl.task.keys import entity_keys, find_entities, find_rows, table_keys
from rdl.task.labels import check_classes, labels_at, learnable, population_at, split_labels
from rdl.task.sample import sample_labels
from rdl.task.seeds import History, Labels, Lists, Seeds
from rdl.task.settle import with_classes
from rdl.task.task import DEFAULT_METRIC, METRICS, Class, Kind, Task

__all__ = [
    "DEFAULT_METRIC",
    "METRICS",
    "Class",
    "Fold",
    "History",
    "Kind",
    "Labels",
    "Lists",
    "Seeds",
    "Split",
    "Task",
    "answer_columns",
    "channels",
    "check_classes",
    "entity_keys",
    "find_entities",
    "find_rows",
    "find_task",
    "forward_folds",
    "known",
    "label_channels",
    "labels_at",
    "learnable",
    "list_tasks",
    "mature",
    "mature_cutoffs",
    "past_labels",
    "phase",
    "population_at",
    "prediction_table",
    "sample_labels",
    "split_cutoffs",
    "split_labels",
    "table_keys",
    "with_classes",
]
