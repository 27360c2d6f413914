"""Turn text into tokens and passages."""

from tasks.tokenize.task import (
    check_fit,
    chunk_documents,
    count_tokens,
    cover_documents,
    describe_tokenizers,
    describe_weights,
    show_tokens,
    train_tokenizer,
    trained_tokenizer,
    whole_documents,
)
from tasks.tokenize.task_reading import check_reading, find_unread, report_languages, warn_of_question

__all__ = [
    "check_fit",
    "check_reading",
    "chunk_documents",
    "count_tokens",
    "cover_documents",
    "describe_tokenizers",
    "describe_weights",
    "find_unread",
    "report_languages",
    "show_tokens",
    "train_tokenizer",
    "trained_tokenizer",
    "warn_of_question",
    "whole_documents",
]
