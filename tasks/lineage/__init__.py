"""Follow answers back to the documents they rest on, and documents forward to the answers that cite them."""

from tasks.lineage.task import answers_given, follow_citations, live_versions

__all__ = ["answers_given", "follow_citations", "live_versions"]
