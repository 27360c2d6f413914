"""Find clusters of points."""

from tasks.cluster.task import cluster_hdbscan

__all__ = ["cluster_hdbscan"]
