"""Follow answers back to the documents they rest on, and documents forward to the answers that cite them."""

from tasks.trace.task import answers_given, live_versions, trace_citations

__all__ = ["answers_given", "live_versions", "trace_citations"]
