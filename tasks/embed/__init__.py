"""Turn text into vectors."""

from tasks.embed.task import (
    compare_numerics,
    describe_encoder,
    embed_passages,
    embed_queries,
    export_vectors,
    pool_documents,
    query_encoder,
)

__all__ = [
    "compare_numerics",
    "describe_encoder",
    "embed_passages",
    "embed_queries",
    "export_vectors",
    "pool_documents",
    "query_encoder",
]
