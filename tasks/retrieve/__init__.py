"""Find passages for queries."""

from tasks.retrieve.task import describe_hits, retrieve

__all__ = ["describe_hits", "retrieve"]
