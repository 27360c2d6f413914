"""Bring vectors to few dimensions."""

from tasks.reduce.task import graph_among, graph_neighbours, place_points, reduce_pca, reduce_points, reduce_umap

__all__ = ["graph_among", "graph_neighbours", "place_points", "reduce_pca", "reduce_points", "reduce_umap"]
