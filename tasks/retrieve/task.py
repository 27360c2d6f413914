"""Tasks of `retrieve`: find passages for queries."""

import difflib
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.retrieve import Dense, Retrieve, Sparse, Weighted
from tasks.data.answers import Threshold
from tasks.data.documents import SHOWN_COPIES, Copy, Document, Passage, others_of
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError
from tasks.runtime import accelerator, steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="retrieve", run_name="retrieve {config.kind} k={config.k}", libraries=("faiss-cpu", "bm25s", "PyStemmer"))
def retrieve(collection: Generation, queries: QueriesRef, vectors: VectorsRef, config: Retrieve) -> HitsRef:
    """Rank the passages of a collection for each query.

    Args:
        collection: Where to look.
        queries: Q questions.
        vectors: (Q, D) unit-length rows, made by the collection's encoder.
        config: By meaning, by words, or both.
    """
    from tasks.retrieve.bm25 import SparseIndex
    from tasks.retrieve.core import Scores, complete, depth, rank, scores_by_row
    from tasks.retrieve.dense import device_in, search_dense

    asked, wanted, allowed = objects.load_rows(queries, Query), depth(config), _allowed(collection, config)
    dense: list[Scores] = [{} for _ in asked]
    sparse: list[Scores] = [{} for _ in asked]
    of_passages, of_queries = objects.load_array(collection.vectors), objects.load_array(vectors)
    if not isinstance(config, Sparse):
        folder, digest = objects.path(collection.dense), collection.vectors.digest
        with accelerator.slot({"device": device_in(folder)}):
            found = search_dense(folder, of_passages, of_queries, wanted, allowed=allowed, digest=digest)
        dense = [scores_by_row(r, s) for r, s in zip(*found, strict=True)]
    if not isinstance(config, Dense):
        index = SparseIndex(objects.path(collection.sparse))
        sparse = [scores_by_row(*index.search(query.text, wanted, allowed)) for query in asked]
        if isinstance(config, Weighted):
            dense, sparse = complete(
                dense,
                sparse,
                lambda query, found: of_passages[found] @ of_queries[query],
                lambda query, found: index.scores(asked[query].text)[found],
            )
    hits = rank(dense, sparse, config)
    steps.log_metrics(queries=len(asked), hits=len(hits))
    return objects.save_rows(HitsRef, Hit, hits)


@step(name="retrieve-cut", run_name="retrieve-cut below={threshold.below:.3f}", libraries=("numpy",))
def cut_hits(passages: VectorsRef, queries: VectorsRef, hits: HitsRef, threshold: Threshold) -> HitsRef:
    """Leave out the hits that are too far from their query; the others keep their order.

    The cosine is the one of query and passage, whatever found or reordered the hits, so that one number means the
    same for all.

    Args:
        passages: (N, D) unit-length rows that the hits point into.
        queries: (Q, D) unit-length rows.
        hits: What was found for each query.
        threshold: A cosine.
    """
    of_passages, of_queries = objects.load_array(passages), objects.load_array(queries)
    kept: list[Hit] = []
    found = objects.load_rows(hits, Hit)
    for hit in found:
        if float(of_passages[hit.passage] @ of_queries[hit.query]) >= threshold.below:
            rank = kept[-1].rank + 1 if kept and kept[-1].query == hit.query else 1
            kept.append(replace(hit, rank=rank))
    steps.log_metrics(hits=len(kept), cut=len(found) - len(kept))
    return objects.save_rows(HitsRef, Hit, kept)


def _allowed(collection: Generation, config: Retrieve) -> npt.NDArray[np.bool_] | None:
    """Return which passages (N,) a query may find, None for all; of copies of a document one is searched."""
    if not config.where and collection.copies is None:
        return None
    from tasks.retrieve.copies import one_of_each
    from tasks.retrieve.where import documents_where, fields_in

    columns = fields_in(config.where)
    known = objects.load_table(collection.documents, columns).to_pydict() if columns else {}
    meta = [dict(entries) for entries in known.pop("meta", [])]
    kept = documents_where(config.where, known, meta, collection.documents.rows)
    if collection.copies is not None:
        kept = one_of_each(kept, objects.load_rows(collection.copies, Copy))
    owners = objects.load_table(collection.passages, ["row"])["row"].to_numpy()
    return np.asarray(kept[owners], dtype=bool)


def missing_words(collection: Generation, queries: QueriesRef) -> list[list[str]]:
    """Return the words of each query that no passage of a collection holds in any form."""
    from tasks.retrieve.bm25 import SparseIndex

    index = SparseIndex(objects.path(collection.sparse))
    return [index.lacks(query.text) for query in objects.load_rows(queries, Query)]


def explain_order(
    collection: Generation, queries: QueriesRef, vectors: VectorsRef, hits: HitsRef, pair: Sequence[str],
    config: Retrieve,
) -> list[dict[str, Any]]:  # fmt: skip
    """Say for each query why one of two documents stands before the other.

    Args:
        collection: Where they come from.
        queries: Q questions.
        vectors: (Q, D) vector of each.
        hits: What was shown for each.
        pair: Ids of two documents.
        config: How passages were found.
    """
    from tasks.retrieve.bm25 import SparseIndex
    from tasks.retrieve.why import Considered, sentence, standing

    index, found = SparseIndex(objects.path(collection.sparse)), objects.load_rows(hits, Hit)
    of_passages, towards = objects.load_array(collection.vectors), objects.load_array(vectors)
    allowed = _allowed(collection, config)
    allowed = np.ones(len(of_passages), dtype=bool) if allowed is None else allowed
    owners = objects.load_table(collection.passages, ["document"])["document"].to_pylist()
    rows = {name: [row for row, owner in enumerate(owners) if owner == name] for name in pair}
    texts = objects.rows_at(collection.passages, Passage, itertools.chain(*rows.values()))
    told = []
    for number, query in enumerate(objects.load_rows(queries, Query)):
        cosines = np.asarray(of_passages @ towards[number], dtype=np.float64)
        seen = Considered(cosines, index.scores(query.text).astype(np.float64), allowed, config)
        shown = {hit.passage: (hit.rank, hit.score) for hit in found if hit.query == number}
        held = {row: index.words_in(query.text, passage.indexed) for row, passage in texts.items()}
        one, other = (standing(name, rows[name], seen, held, shown) for name in pair)
        told.append({"documents": [one.stated(), other.stated()], "said": sentence((one, other))})
    return told


def require_documents(collection: Generation, pair: Sequence[str] | None) -> None:
    """Make sure that two documents are in a collection.

    Raises:
        DataError: There are not two, or one is not there.
    """
    if pair is None:
        return
    if len(set(pair)) != 2:
        raise DataError(
            f"why has {len(set(pair))} ids but two documents are compared; give two, as the hits name them"
        )
    known = objects.load_table(collection.documents, ["id"])["id"].to_pylist()
    for name in pair:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3)
            perhaps = f"; perhaps {', '.join(near)}" if near else ""
            raise DataError(
                f"why names {name!r}, no document of {collection.collection}{perhaps}; see the hits' document"
            )


def describe_hits(
    collection: Generation, queries: QueriesRef, hits: HitsRef, likely: Sequence[float | None] = ()
) -> list[dict[str, Any]]:
    """Return the hits of each query with what a person wants to see: id, title, place, text, scores, where else.

    Args:
        collection: Where they come from.
        queries: What was asked.
        hits: What was found.
        likely: Of each hit the probability that it answers; left out, none is stated.
    """
    found = objects.load_rows(hits, Hit)
    passages = objects.rows_at(collection.passages, Passage, (hit.passage for hit in found))
    others = {} if collection.copies is None else others_of(objects.load_rows(collection.copies, Copy))
    shown = {passage.row: others.get(passage.row, [])[:SHOWN_COPIES] for passage in passages.values()}
    documents = objects.rows_at(collection.documents, Document, {*shown, *itertools.chain(*shown.values())})
    described: list[dict[str, Any]] = [{"query": q.text, "hits": []} for q in objects.load_rows(queries, Query)]
    for hit, probability in zip(found, likely or [None] * len(found), strict=True):
        passage = passages[hit.passage]
        document, same = documents[passage.row], [documents[row] for row in shown[passage.row]]
        described[hit.query]["hits"].append(
            {
                "rank": hit.rank,
                **({} if not likely else {"probability": None if probability is None else round(probability, 4)}),
                "score": round(hit.score, 6),
                "dense": None if math.isnan(hit.dense) else round(hit.dense, 4),
                "sparse": None if math.isnan(hit.sparse) else round(hit.sparse, 4),
                "document": document.id,
                "title": document.title,
                "path": document.path_of(document.first_letter(passage.start)),
                "line": document.line_of(document.first_letter(passage.start)),
                "text": passage.text.strip(),
                "copies": len(others.get(passage.row, [])),
                "also_in": [{"document": d.id, "path": d.path_of(0), "line": d.line_of(0)} for d in same],
            }
        )
    return described
