"""Tasks of `index`: make the two indexes of a collection, try a generation, publish it, and open a collection."""

import json
import logging
from pathlib import Path

from configs.index import Bm25, DenseIndex
from configs.publish import Verify
from tasks.data.documents import CopiesRef, Copy, DocumentsRef, Passage, PassagesRef, copies_among, version_of
from tasks.data.releases import Delta
from tasks.data.search import (
    DenseIndexRef,
    Generation,
    Hit,
    HitsRef,
    Probes,
    QueriesRef,
    Query,
    SparseIndexRef,
    Verified,
)
from tasks.data.vectors import VectorsRef
from tasks.errors import StoreError
from tasks.runtime import records, steps
from tasks.runtime.steps import step
from tasks.store import collections, objects
from tasks.text.terms import stored_languages, terms

log = logging.getLogger(__name__)


@step(name="index-dense", run_name="index-dense {config.kind}", libraries=("faiss-cpu",), device_of=("config",))
def index_dense(vectors: VectorsRef, config: DenseIndex) -> DenseIndexRef:
    """Index vectors for search by cosine.

    Args:
        vectors: (N, D) unit-length rows.
        config: Kind of index.
    """
    from tasks.index.dense import build_dense

    rows = objects.load_array(vectors)

    def fill(folder: Path) -> None:
        about = build_dense(rows, folder, config, digest=vectors.digest)
        steps.log_metrics(vectors=len(rows), width=rows.shape[1], recall_at_10=about.recall_at_10)
        log.info("indexed as %s, recall@10 %s: %s", about.kind, about.recall_at_10, about.reason)

    return objects.save_files(DenseIndexRef, fill, shape=rows.shape)


@step(
    name="index-sparse",
    run_name="index-sparse {config.kind}",
    libraries=("bm25s", "PyStemmer", "py3langid", "stopwordsiso"),
)
def index_sparse(passages: PassagesRef, config: Bm25) -> SparseIndexRef:
    """Index the words of passages.

    Args:
        passages: What to index, headings included.
        config: Formula and language.
    """
    from tasks.index.bm25 import build_bm25

    texts = [p.indexed for p in objects.load_rows(passages, Passage)]
    steps.log_metrics(passages=len(texts))
    return objects.save_files(SparseIndexRef, lambda folder: build_bm25(texts, folder, config), shape=(len(texts),))


@step(name="index-copies")
def index_copies(documents: DocumentsRef) -> CopiesRef:
    """List the documents that are found by the same words as others, so that a search shows one of them.

    Args:
        documents: All of a collection.
    """
    columns = objects.load_table(documents, ["title", "path", "text"])
    found = copies_among(zip(*(columns[name].to_pylist() for name in ("title", "path", "text")), strict=True))
    steps.log_metrics(documents=len(found), texts=len({copy.first for copy in found}))
    return objects.save_rows(CopiesRef, Copy, found)


@step(name="index-probe", libraries=("numpy",))
def draw_probes(passages: PassagesRef, vectors: VectorsRef, config: Verify) -> Probes:
    """Draw passages that an index over them must find again.

    Args:
        passages: N passages.
        vectors: (N, D) vector of each.
        config: How many, and the seed.
    """
    from tasks.index import verify

    verify.check_counts({"passages": passages.rows, "vectors": vectors.rows})
    rows = verify.draw_probes(passages.rows, config.probes, config.seed)
    texts = objects.rows_at(passages, Passage, rows)
    return Probes(
        queries=objects.save_rows(QueriesRef, Query, [Query(str(row), texts[row].indexed) for row in rows]),
        vectors=objects.save_array(VectorsRef, objects.load_array(vectors)[rows]),
    )


@step(name="index-verify", libraries=("numpy",))
def verify_generation(made: Generation, probes: Probes, dense: HitsRef, sparse: HitsRef, config: Verify) -> Verified:
    """Find out whether a generation is whole: its numbers agree, its vectors are directions, its passages are found.

    Args:
        made: What is to become live; each of its objects is verified as it is read.
        probes: Passages that must be found again.
        dense: What their vectors found.
        sparse: What their words found.
        config: How many must be found.

    Raises:
        StoreError: Something in it is damaged or does not fit the rest.
        DataError: Too few passages are found again.
    """
    from tasks.index import verify

    for ref in records.refs_in(made):
        objects.path(ref)
    kinds = ("passages", "vectors", "dense", "sparse")
    passages = verify.check_counts({name: getattr(made, name).rows for name in kinds})
    owners = objects.load_table(made.passages, ["document", "row"])
    known = objects.load_table(made.documents, ["id"])["id"].to_pylist()
    verify.check_documents(owners["document"].to_pylist(), known, owners["row"].to_numpy())
    vectors = objects.load_array(made.vectors)
    verify.check_vectors(vectors)
    languages = stored_languages(json.loads((objects.path(made.sparse) / "language.json").read_text("utf-8")))
    asked = [verify.Probe(int(q.id), bool(terms(q.text, languages))) for q in objects.load_rows(probes.queries, Query)]
    verified = verify.look_for(asked, _found(dense, len(asked)), _found(sparse, len(asked)), vectors, config)
    steps.log_metrics(passages=passages, probes=len(asked), **verified)
    return Verified(passages=passages, probes=len(asked), **verified)


def open_collection(name: str | None) -> Generation:
    """Return the live generation of a collection; None means the only one there is."""
    return collections.live(name)


def live_before(collection: str) -> Generation | None:
    """Return the live generation of a collection that is to be built, or None; one that is damaged is said."""
    if collection not in collections.names():
        return None
    try:
        live = collections.live(collection)
        for ref in records.refs_in(live):
            objects.path(ref)
    except StoreError as error:
        log.warning("the live generation of %s cannot be compared with: %s", collection, error)
        return None
    return live


def compare_documents(live: Generation | None, documents: DocumentsRef) -> Delta:
    """Say which documents were added, changed, removed or left as they were since a generation was made.

    Args:
        live: The generation, or None where there is none.
        documents: The documents now.
    """
    from tasks.index.delta import count_changes

    if live is not None and live.documents == documents:
        return Delta(against=live.number, added=0, changed=0, removed=0, unchanged=documents.rows)
    before = {} if live is None else _versions(live.documents)
    return Delta(against=0 if live is None else live.number, **count_changes(before, _versions(documents)))


def publish_generation(made: Generation, keep: int | None = None) -> Generation:
    """Make a generation the live one of its collection; one that equals the live one, or a plan, changes nothing.

    Args:
        made: The generation.
        keep: Generations to keep; left out, all of them.
    """
    return made if steps.planning() is not None else collections.commit(made, keep)


def _versions(documents: DocumentsRef) -> dict[str, str]:
    """Return id to version of documents."""
    table = objects.load_table(documents, ["id", "text"])
    return dict(zip(table["id"].to_pylist(), map(version_of, table["text"].to_pylist()), strict=True))


def _found(hits: HitsRef, queries: int) -> list[list[int]]:
    """Return the rows found for each query, best first."""
    found: list[list[int]] = [[] for _ in range(queries)]
    for hit in objects.load_rows(hits, Hit):
        found[hit.query].append(hit.passage)
    return found
