"""Bring vectors to few dimensions."""

from tasks.reduce.task import graph_neighbours, reduce_umap

__all__ = ["graph_neighbours", "reduce_umap"]
