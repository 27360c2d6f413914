"""Put clusters into words, names, trees and tables."""

from tasks.represent.task import (
    column_of,
    count_terms,
    drop_wordless,
    find_places,
    outliers_by_words,
    remark_documents,
    represent_labels,
    represent_slices,
    represent_tree,
    represent_words,
    write_topics,
)
from tasks.represent.task_ways import represent_ways
from tasks.represent.task_written import naming_by, write_topic_labels

__all__ = [
    "column_of",
    "count_terms",
    "drop_wordless",
    "find_places",
    "naming_by",
    "outliers_by_words",
    "remark_documents",
    "represent_labels",
    "represent_slices",
    "represent_tree",
    "represent_ways",
    "represent_words",
    "write_topic_labels",
    "write_topics",
]
