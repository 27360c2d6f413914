"""Train encoders."""

from tasks.finetune.task_classifier import describe_base, prepare_classes, train_classifier
from tasks.finetune.task_training import require_training

__all__ = ["describe_base", "prepare_classes", "require_training", "train_classifier"]
