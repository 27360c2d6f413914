"""Tasks of `reduce`: a neighbour graph, and layouts made of it."""

from configs.reduce import Umap
from tasks.data import GraphRef, LayoutRef, VectorsRef
from tasks.runtime import steps, store
from tasks.runtime.steps import step


@step(name="reduce-graph", run_name="reduce-graph neighbours={neighbours}", libraries=("faiss-cpu",))
def graph_neighbours(vectors: VectorsRef, neighbours: int) -> GraphRef:
    """Find the nearest neighbours of every row, exactly.

    Args:
        vectors: (N, D) unit-length rows.
        neighbours: How many a row has, itself included.
    """
    from tasks.reduce.core import neighbour_graph

    return store.save_array(GraphRef, neighbour_graph(store.load_array(vectors), neighbours))


@step(name="reduce-umap", run_name="reduce-umap {config.components}d", libraries=("umap-learn", "numba"))
def reduce_umap(vectors: VectorsRef, graph: GraphRef, config: Umap) -> LayoutRef:
    """Lay rows out in few dimensions so that neighbours stay together.

    Args:
        vectors: (N, D) unit-length rows.
        graph: Their neighbours.
        config: Dimensions, tightness, seed.
    """
    from tasks.reduce.core import umap_layout

    layout = umap_layout(
        store.load_array(vectors),
        store.load_array(graph),
        components=config.components,
        min_dist=config.min_dist,
        seed=config.seed,
    )
    steps.record(points=len(layout))
    return store.save_array(LayoutRef, layout)
