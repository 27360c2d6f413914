"""Judge what was made."""

from tasks.evaluate.task import (
    evaluate_answers,
    evaluate_rankings,
    evaluate_stability,
    evaluate_topics,
    load_questions,
    questions_for,
)

__all__ = [
    "evaluate_answers",
    "evaluate_rankings",
    "evaluate_stability",
    "evaluate_topics",
    "load_questions",
    "questions_for",
]
