"""The page of `tune-reranker` is that of `tune-embedder`, with other rows."""

from tasks.report.tune_embedder import embedder_summary as reranker_summary
from tasks.report.tune_embedder import reranker_page

__all__ = ["reranker_page", "reranker_summary"]
