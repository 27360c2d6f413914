"""Judge what was made."""

from tasks.evaluate.task import (
    compare_scores,
    evaluate_answers,
    evaluate_rankings,
    load_questions,
    questions_for,
    score_questions,
)

__all__ = [
    "compare_scores",
    "evaluate_answers",
    "evaluate_rankings",
    "load_questions",
    "questions_for",
    "score_questions",
]
