"""Turn text into vectors."""

from tasks.embed.task import (
    compare_numerics,
    describe_encoder,
    embed_passages,
    embed_queries,
    export_vectors,
    pool_documents,
    pool_passages,
    query_encoder,
)
from tasks.embed.task_dual import (
    as_vectors,
    embed_dual_pictures,
    encode_pictures,
    picture_encoder,
    place_dual,
    tower_limits,
)
from tasks.embed.task_parts import divide_pictures
from tasks.embed.task_pictures import (
    describe_picture_encoder,
    embed_colours,
    embed_pictures,
    find_alike,
    learn_head,
    near_pictures,
    place_pictures,
    shift_queries,
    unit_pictures,
)

__all__ = [
    "as_vectors",
    "compare_numerics",
    "describe_encoder",
    "describe_picture_encoder",
    "divide_pictures",
    "embed_colours",
    "embed_dual_pictures",
    "embed_passages",
    "embed_pictures",
    "embed_queries",
    "encode_pictures",
    "export_vectors",
    "find_alike",
    "learn_head",
    "near_pictures",
    "picture_encoder",
    "place_dual",
    "place_pictures",
    "pool_documents",
    "pool_passages",
    "query_encoder",
    "shift_queries",
    "tower_limits",
    "unit_pictures",
]
