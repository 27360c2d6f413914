"""Find clusters of points, and what is done with them."""

from tasks.cluster.task import (
    cluster_hdbscan,
    cluster_kmeans,
    cluster_points,
    guide_vectors,
    join_clusters,
    known_classes,
    match_clusters,
    merge_clusters,
    name_clusters,
    reduce_outliers,
    sample_rows,
    shuffle_rows,
    take_rest,
    vote_clusters,
)

__all__ = [
    "cluster_hdbscan",
    "cluster_kmeans",
    "cluster_points",
    "guide_vectors",
    "join_clusters",
    "known_classes",
    "match_clusters",
    "merge_clusters",
    "name_clusters",
    "reduce_outliers",
    "sample_rows",
    "shuffle_rows",
    "take_rest",
    "vote_clusters",
]
