"""Answer questions from what was found."""

from tasks.generate.task import (
    answer_extractive,
    cut_sentences,
    load_answers,
    threshold_for,
    threshold_of,
    way_of,
    withhold_answers,
)

__all__ = [
    "answer_extractive",
    "cut_sentences",
    "load_answers",
    "threshold_for",
    "threshold_of",
    "way_of",
    "withhold_answers",
]
