"""Judge what was made."""

from tasks.evaluate.task import (
    calibrate_threshold,
    evaluate_answers,
    evaluate_rankings,
    load_calibration,
    load_questions,
    questions_for,
)

__all__ = [
    "calibrate_threshold",
    "evaluate_answers",
    "evaluate_rankings",
    "load_calibration",
    "load_questions",
    "questions_for",
]
