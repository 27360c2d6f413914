"""Put hits into a better order."""

from tasks.rerank.task import check_reranker, enough_hits, rerank, rerank_cross, rerank_late, rerank_mmr

__all__ = ["check_reranker", "enough_hits", "rerank", "rerank_cross", "rerank_late", "rerank_mmr"]
