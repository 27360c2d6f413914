"""Judge what was made."""

from tasks.evaluate.task import default_questions, evaluate_answers, evaluate_rankings, load_questions

__all__ = ["default_questions", "evaluate_answers", "evaluate_rankings", "load_questions"]
