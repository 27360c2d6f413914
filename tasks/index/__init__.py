"""Index passages, and open what has been indexed."""

from tasks.index.task import index_dense, index_sparse, open_collection, publish_generation

__all__ = ["index_dense", "index_sparse", "open_collection", "publish_generation"]
