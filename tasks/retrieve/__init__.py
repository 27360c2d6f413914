"""Find passages for queries."""

from tasks.retrieve.task import (
    cut_hits,
    describe_hits,
    explain_order,
    missing_words,
    require_documents,
    retrieve,
)
from tasks.retrieve.where import check_where

__all__ = [
    "check_where",
    "cut_hits",
    "describe_hits",
    "explain_order",
    "missing_words",
    "require_documents",
    "retrieve",
]
