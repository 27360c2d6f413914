"""Indexes, queries and hits, and the generation of a collection that holds them: references and rows."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import CopiesRef, DocumentsRef, PassagesRef, SnapshotRef
from tasks.data.models import Fingerprint
from tasks.data.vectors import VectorsRef


class DenseIndexRef(Ref):
    """An index over (N, D) vectors: index.json says what it is and how well it finds; FAISS's file, or a server."""

    kind: Literal["dense-index"] = "dense-index"


class SparseIndexRef(Ref):
    """A bm25s index over N passages."""

    kind: Literal["sparse-index"] = "sparse-index"


class QueriesRef(Ref):
    """A table of `Query` rows."""

    kind: Literal["queries"] = "queries"


class HitsRef(Ref):
    """A table of `Hit` rows, best first within a query."""

    kind: Literal["hits"] = "hits"


class CalibrationRef(Ref):
    """A `Calibration` as JSON."""

    kind: Literal["calibration"] = "calibration"


class Generation(Value):
    """One state of a collection: everything a reader needs, by reference; and what changed since the one before."""

    collection: str
    number: int = 0
    source: str
    snapshot: SnapshotRef
    documents: DocumentsRef
    passages: PassagesRef
    vectors: VectorsRef
    dense: DenseIndexRef
    sparse: SparseIndexRef
    fingerprint: Fingerprint
    delta: dict[str, int] | None = None
    calibration: CalibrationRef | None = None
    copies: CopiesRef | None = None  # None where no document repeats another

    def cache_key(self) -> Any:
        """Count by what is searched, not by name and number, nor by when nothing is answered."""
        searched = (self.documents, self.passages, self.vectors, self.dense, self.sparse, self.fingerprint)
        copies = [] if self.copies is None else [self.copies.digest]
        return [*(part.digest for part in searched), *copies]


class Probes(Value):
    """Passages that a generation must find again: what it is asked, and the row it should answer with.

    Attributes:
        queries: P queries, each the words of one passage; its id is the row of that passage.
        vectors: (P, D) vector of each of these passages.
    """

    queries: QueriesRef
    vectors: VectorsRef


class Verified(Value):
    """A generation that has been found whole.

    Attributes:
        passages: Passages, which are as many as vectors and rows of both indexes.
        probes: Passages looked for.
        by_vector: How many of them their own vector found first.
        with_words: How many of them have words that are indexed.
        by_words: How many of those their own words found.
    """

    passages: int
    probes: int
    by_vector: int
    with_words: int
    by_words: int


@dataclass(frozen=True, slots=True)
class Query:
    """A question put to a collection."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    Attributes:
        query: Row of the query.
        passage: Row of the passage.
        rank: From 1.
        score: What the list is ordered by.
        dense: Cosine of query and passage; NaN where it is not known: the dense search did not return it.
        sparse: BM25 score; NaN where it is not known: the sparse search did not return it.
    """

    query: int
    passage: int
    rank: int
    score: float
    dense: float
    sparse: float
