"""Answer questions from what was found."""

from tasks.generate.grounded import read_closed_book_prompt, read_prompt
from tasks.generate.task import (
    answer_extractive,
    cut_sentences,
    judge_hits,
    load_answers,
    measure_signals,
    threshold_for,
    threshold_of,
    way_of,
    withhold_answers,
    withhold_hits,
    withhold_unread,
)
from tasks.generate.task_written import answer_closed_book, answer_grounded, describe_generator

__all__ = [
    "answer_closed_book",
    "answer_extractive",
    "answer_grounded",
    "cut_sentences",
    "describe_generator",
    "judge_hits",
    "load_answers",
    "measure_signals",
    "read_closed_book_prompt",
    "read_prompt",
    "threshold_for",
    "threshold_of",
    "way_of",
    "withhold_answers",
    "withhold_hits",
    "withhold_unread",
]
