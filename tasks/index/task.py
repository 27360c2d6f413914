"""Tasks of `index`: make the two indexes of a collection, and open a collection."""

import logging
from pathlib import Path

from configs.index import Bm25, DenseIndex
from tasks.data import DenseIndexRef, Generation, PassagesRef, SparseIndexRef, VectorsRef
from tasks.rows import Passage
from tasks.runtime import collections, steps, store
from tasks.runtime.steps import step

log = logging.getLogger(__name__)


@step(name="index-dense", run_name="index-dense {config.kind}", libraries=("faiss-cpu",))
def index_dense(vectors: VectorsRef, config: DenseIndex) -> DenseIndexRef:
    """Index vectors for search by cosine.

    Args:
        vectors: (N, D) unit-length rows.
        config: Kind of index.
    """
    from tasks.index.dense import build_dense

    rows = store.load_array(vectors)

    def fill(folder: Path) -> None:
        about = build_dense(rows, folder, config, name=vectors.digest)
        steps.record(vectors=len(rows), width=rows.shape[1], recall_at_10=about.recall_at_10)
        log.info("indexed as %s, recall@10 %s: %s", about.kind, about.recall_at_10, about.reason)

    return store.save_files(DenseIndexRef, fill, shape=rows.shape)


@step(name="index-sparse", run_name="index-sparse {config.kind}", libraries=("bm25s", "PyStemmer"))
def index_sparse(passages: PassagesRef, config: Bm25) -> SparseIndexRef:
    """Index the words of passages.

    Args:
        passages: What to index, headings included.
        config: Formula and language.
    """
    from tasks.index.bm25 import build_bm25

    texts = [p.indexed for p in store.load_rows(passages, Passage)]
    steps.record(passages=len(texts))
    return store.save_files(SparseIndexRef, lambda folder: build_bm25(texts, folder, config), shape=(len(texts),))


def open_collection(name: str | None) -> Generation:
    """Return the live generation of a collection; None means the only one there is."""
    return collections.live(name)


def publish_generation(made: Generation) -> Generation:
    """Make a generation the live one of its collection; one that equals the live one, or a plan, changes nothing."""
    return made if steps.planning() is not None else collections.commit(made)
