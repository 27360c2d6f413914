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

__all__ = [
    "check_fit",
    "chunk_documents",
    "count_tokens",
    "cover_documents",
    "describe_tokenizers",
    "describe_weights",
    "show_tokens",
    "train_tokenizer",
    "trained_tokenizer",
    "whole_documents",
]
