"""Turn text into vectors."""

from tasks.embed.task import describe_encoder, embed_passages, embed_queries, export_vectors, pool_documents

__all__ = ["describe_encoder", "embed_passages", "embed_queries", "export_vectors", "pool_documents"]
