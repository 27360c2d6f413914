"""Find passages for queries."""

from tasks.retrieve.task import cut_hits, describe_hits, missing_words, retrieve
from tasks.retrieve.where import check_where

__all__ = ["check_where", "cut_hits", "describe_hits", "missing_words", "retrieve"]
