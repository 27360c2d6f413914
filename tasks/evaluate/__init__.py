"""Judge what was made."""

from tasks.evaluate.task import (
    compare_releases,
    evaluate_answers,
    evaluate_rankings,
    load_questions,
    load_shared_questions,
    questions_for,
    score_questions,
)

__all__ = [
    "compare_releases",
    "evaluate_answers",
    "evaluate_rankings",
    "load_questions",
    "load_shared_questions",
    "questions_for",
    "score_questions",
]
