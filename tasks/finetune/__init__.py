"""Train encoders."""

from tasks.finetune.task_classifier import describe_base, prepare_classes, train_classifier
from tasks.finetune.task_embedder import train_embedder
from tasks.finetune.task_masked import pretrain_encoder, require_masked
from tasks.finetune.task_pairs import (
    columns_for,
    documents_of_questions,
    judged_questions,
    judged_set,
    look_at_pairs,
    loss_rows,
    mine_negatives,
    read_pairs,
    read_sections,
    split_pairs,
    texts_to_mine,
)
from tasks.finetune.task_questions import ask_questions, asking_by
from tasks.finetune.task_reranker import (
    describe_reranker,
    describe_reranker_base,
    pairs_to_score,
    score_judged,
    train_reranker,
)
from tasks.finetune.task_setfit import train_setfit
from tasks.finetune.task_tagger import (
    find_entities,
    identify_tagger,
    prepare_tags,
    train_tagger,
    try_list,
    try_tagger,
)
from tasks.finetune.task_training import require_training

__all__ = [
    "ask_questions",
    "asking_by",
    "columns_for",
    "describe_base",
    "describe_reranker",
    "describe_reranker_base",
    "documents_of_questions",
    "find_entities",
    "identify_tagger",
    "judged_questions",
    "judged_set",
    "look_at_pairs",
    "loss_rows",
    "mine_negatives",
    "pairs_to_score",
    "prepare_classes",
    "prepare_tags",
    "pretrain_encoder",
    "read_pairs",
    "read_sections",
    "require_masked",
    "require_training",
    "score_judged",
    "split_pairs",
    "texts_to_mine",
    "train_classifier",
    "train_embedder",
    "train_reranker",
    "train_setfit",
    "train_tagger",
    "try_list",
    "try_tagger",
]
