"""Put texts into classes."""

from tasks.classify.asked import (
    column_of,
    columns_of,
    gives_likelihoods,
    models_that_fit,
    names_of,
    phrases_of,
    with_column,
)
from tasks.classify.task import (
    divide_examples,
    find_label_issues,
    label_documents,
    learning_curve,
    try_combined,
    try_trained,
    try_wordings,
)
from tasks.classify.task_calibrate import calibrate_labels
from tasks.classify.task_picture_probe import probe_pictures
from tasks.classify.task_pictures import class_texts, classify_pictures, refuse_pictures
from tasks.classify.task_ready import classify_texts, identify, score_labels, time_encoding, try_ready

__all__ = [
    "calibrate_labels",
    "class_texts",
    "classify_pictures",
    "classify_texts",
    "column_of",
    "columns_of",
    "divide_examples",
    "find_label_issues",
    "gives_likelihoods",
    "identify",
    "label_documents",
    "learning_curve",
    "models_that_fit",
    "names_of",
    "phrases_of",
    "probe_pictures",
    "refuse_pictures",
    "score_labels",
    "time_encoding",
    "try_combined",
    "try_ready",
    "try_trained",
    "try_wordings",
    "with_column",
]
