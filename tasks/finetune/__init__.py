"""Train encoders and generators."""

from tasks.finetune.task_battery import hold_out, reward_pairs, try_generator
from tasks.finetune.task_captioner import train_captioner
from tasks.finetune.task_classifier import describe_base, prepare_classes, train_classifier
from tasks.finetune.task_embedder import train_embedder
from tasks.finetune.task_generator import probe_packing, train_completions, train_preferences
from tasks.finetune.task_masked import pretrain_encoder, require_masked
from tasks.finetune.task_on_policy import score_replies, train_on_policy, train_reward
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
from tasks.finetune.task_prompts import (
    columns_of_prompts,
    describe_generator,
    look_at_prompts,
    prompts_of_documents,
    read_prompts,
    require_trl,
    split_prompts,
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
    "columns_of_prompts",
    "describe_base",
    "describe_generator",
    "describe_labeller",
    "describe_reranker",
    "describe_reranker_base",
    "documents_of_questions",
    "find_entities",
    "hold_out",
    "identify_tagger",
    "judged_questions",
    "judged_set",
    "label_pairs",
    "look_at_pairs",
    "look_at_prompts",
    "loss_rows",
    "mine_negatives",
    "pairs_to_label",
    "pairs_to_score",
    "prepare_classes",
    "prepare_tags",
    "pretrain_encoder",
    "probe_packing",
    "prompts_of_documents",
    "read_pairs",
    "read_prompts",
    "read_sections",
    "require_decoder",
    "require_masked",
    "require_training",
    "require_trl",
    "reward_pairs",
    "score_judged",
    "score_replies",
    "sentences_to_write",
    "split_pairs",
    "split_prompts",
    "texts_to_mine",
    "train_captioner",
    "train_classifier",
    "train_completions",
    "train_embedder",
    "train_on_policy",
    "train_preferences",
    "train_reranker",
    "train_reward",
    "train_setfit",
    "train_tagger",
    "try_generator",
    "try_list",
    "try_tagger",
]
