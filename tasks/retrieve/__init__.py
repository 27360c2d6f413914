"""Find passages for queries."""

from tasks.retrieve.task import cut_hits, describe_hits, retrieve

__all__ = ["cut_hits", "describe_hits", "retrieve"]
