"""Tasks of `reduce`: a neighbour graph, and layouts made of it."""

from typing import assert_never

from configs.reduce import NoReduction, Pca, Reduce, Umap
from tasks.data.topics import GraphRef, LabelsRef, LayoutRef
from tasks.data.vectors import VectorsRef
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


def reduce_points(
    vectors: VectorsRef, graph: GraphRef, config: Reduce, targets: LabelsRef | None = None
) -> LayoutRef | VectorsRef:
    """Bring rows to the dimensions in which clusters are sought.

    Args:
        vectors: (N, D) unit-length rows.
        graph: Their neighbours.
        config: How.
        targets: Known class of each row, -1 where it is not known; counts for `umap` alone.
    """
    match config:
        case Umap():
            return reduce_umap(vectors, graph, config, targets)
        case Pca():
            return reduce_pca(vectors, config)
        case NoReduction():
            return vectors
        case _:
            assert_never(config)


@step(name="reduce-graph", run_name="reduce-graph n_neighbors={n_neighbors}", libraries=("faiss-cpu",))
def graph_neighbours(vectors: VectorsRef, n_neighbors: int, pca: int | None = None) -> GraphRef:
    """Find the nearest neighbours of every row.

    Args:
        vectors: (N, D) unit-length rows.
        n_neighbors: How many a row has, itself included.
        pca: Principal axes in which they are sought; None for all dimensions.
    """
    from tasks.reduce.core import neighbour_graph
    from tasks.reduce.linear import principal_axes

    rows = objects.load_array(vectors)
    return objects.save_array(GraphRef, neighbour_graph(principal_axes(rows, pca or rows.shape[1]), n_neighbors))


@step(name="reduce-among", run_name="reduce-among n_neighbors={n_neighbors}", libraries=("faiss-cpu",))
def graph_among(vectors: VectorsRef, sample: VectorsRef, n_neighbors: int) -> GraphRef:
    """Find the nearest rows of a sample to every row, exactly.

    Args:
        vectors: (N, D) unit-length rows.
        sample: (M, D) unit-length rows that are searched.
        n_neighbors: How many a row has.
    """
    from tasks.reduce.core import neighbours_among

    return objects.save_array(
        GraphRef, neighbours_among(objects.load_array(vectors), objects.load_array(sample), n_neighbors)
    )


@step(name="reduce-umap", run_name="reduce-umap {config.n_components}d", libraries=("umap-learn", "numba"))
def reduce_umap(vectors: VectorsRef, graph: GraphRef, config: Umap, targets: LabelsRef | None = None) -> LayoutRef:
    """Lay rows out in few dimensions so that neighbours stay together.

    Args:
        vectors: (N, D) unit-length rows.
        graph: Their neighbours.
        config: Dimensions, tightness, seed.
        targets: Known class of each row, -1 where it is not known.
    """
    from tasks.reduce.core import umap_layout

    known = None if targets is None else objects.load_array(targets)
    layout = umap_layout(objects.load_array(vectors), objects.load_array(graph), config=config, targets=known)
    steps.log_metrics(points=len(layout))
    return objects.save_array(LayoutRef, layout)


@step(name="reduce-pca", run_name="reduce-pca {config.n_components}d", libraries=("scikit-learn",))
def reduce_pca(vectors: VectorsRef, config: Pca) -> LayoutRef:
    """Project rows onto the directions in which they differ most.

    Args:
        vectors: (N, D) unit-length rows.
        config: Dimensions.
    """
    from tasks.reduce.linear import principal_components

    return objects.save_array(LayoutRef, principal_components(objects.load_array(vectors), config.n_components))


@step(name="reduce-place", libraries=("numpy",))
def place_points(graph: GraphRef, layout: LayoutRef | VectorsRef) -> LayoutRef:
    """Place rows on a layout of a sample, each at the mean of its neighbours.

    Args:
        graph: (N, K, 2) nearest rows of the sample.
        layout: (M, C) points of the sample.
    """
    from tasks.reduce.core import place_between

    return objects.save_array(LayoutRef, place_between(objects.load_array(graph), objects.load_array(layout)))
