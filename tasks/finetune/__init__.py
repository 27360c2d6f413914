"""Train encoders."""

from tasks.finetune.task_classifier import describe_base, prepare_classes, train_classifier
from tasks.finetune.task_embedder import train_embedder
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
from tasks.finetune.task_silver import add_silver, describe_labeller, label_pairs, pairs_to_label
from tasks.finetune.task_tagger import (
    find_entities,
    identify_tagger,
    prepare_tags,
    train_tagger,
    try_list,
    try_tagger,
)
from tasks.finetune.task_training import require_training
from tasks.finetune.task_tsdae import require_decoder, sentences_to_write

__all__ = [
    "add_silver",
    "ask_questions",
    "asking_by",
    "columns_for",
    "describe_base",
    "describe_labeller",
    "describe_reranker",
    "describe_reranker_base",
    "documents_of_questions",
    "find_entities",
    "identify_tagger",
    "judged_questions",
    "judged_set",
    "label_pairs",
    "look_at_pairs",
    "loss_rows",
    "mine_negatives",
    "pairs_to_label",
    "pairs_to_score",
    "prepare_classes",
    "prepare_tags",
    "read_pairs",
    "read_sections",
    "require_decoder",
    "require_training",
    "score_judged",
    "sentences_to_write",
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
