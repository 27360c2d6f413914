"""Train encoders."""

from tasks.finetune.task_classifier import describe_base, prepare_classes, train_classifier
from tasks.finetune.task_tagger import (
    find_entities,
    identify_tagger,
    prepare_tags,
    train_tagger,
    try_list,
    try_tagger,
)
from tasks.finetune.task_training import require_training

__all__ = [
    "describe_base",
    "find_entities",
    "identify_tagger",
    "prepare_classes",
    "prepare_tags",
    "require_training",
    "train_classifier",
    "train_tagger",
    "try_list",
    "try_tagger",
]
