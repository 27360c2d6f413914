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
from tasks.embed.task_parts import divide_pictures
from tasks.embed.task_pictures import (
    describe_picture_encoder,
    embed_pictures,
    find_alike,
    learn_head,
    near_pictures,
    place_pictures,
)

__all__ = [
    "compare_numerics",
    "describe_encoder",
    "describe_picture_encoder",
    "divide_pictures",
    "embed_passages",
    "embed_pictures",
    "embed_queries",
    "export_vectors",
    "find_alike",
    "learn_head",
    "near_pictures",
    "place_pictures",
    "pool_documents",
    "query_encoder",
]
