"""Index passages, try and publish what has been indexed, and open it."""

from tasks.index.task import (
    compare_documents,
    draw_probes,
    index_copies,
    index_dense,
    index_sparse,
    live_before,
    open_collection,
    publish_generation,
    verify_generation,
)

__all__ = [
    "compare_documents",
    "draw_probes",
    "index_copies",
    "index_dense",
    "index_sparse",
    "live_before",
    "open_collection",
    "publish_generation",
    "verify_generation",
]
