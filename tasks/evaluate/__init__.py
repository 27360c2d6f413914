"""Judge what was made."""

from tasks.evaluate.task import (
    compare_releases,
    evaluate_answers,
    evaluate_rankings,
    evaluate_ways,
    load_calibration,
    load_questions,
    load_shared_questions,
    questions_for,
    score_questions,
)
from tasks.evaluate.task_calibrate import calibrate_threshold, draw_calibration, foreign_texts
from tasks.evaluate.task_class_gate import judge_classifiers
from tasks.evaluate.task_classes import evaluate_classes
from tasks.evaluate.task_entities import judge_taggers
from tasks.evaluate.task_gate import judge_reranker, judge_tuned
from tasks.evaluate.task_generator_gate import judge_generator
from tasks.evaluate.task_mteb import measure_both, require_mteb
from tasks.evaluate.task_replies import evaluate_open_book, evaluate_replies
from tasks.evaluate.task_topics import evaluate_stability, evaluate_topics
from tasks.evaluate.task_win_rate import compare_replies, judging_by

__all__ = [
    "calibrate_threshold",
    "compare_releases",
    "compare_replies",
    "draw_calibration",
    "evaluate_answers",
    "evaluate_classes",
    "evaluate_open_book",
    "evaluate_rankings",
    "evaluate_replies",
    "evaluate_stability",
    "evaluate_topics",
    "evaluate_ways",
    "foreign_texts",
    "judge_classifiers",
    "judge_generator",
    "judge_reranker",
    "judge_taggers",
    "judge_tuned",
    "judging_by",
    "load_calibration",
    "load_questions",
    "load_shared_questions",
    "measure_both",
    "questions_for",
    "require_mteb",
    "score_questions",
]
