"""What crosses the border between tasks: references to stored objects, and small values made of them.

A `Ref` names an object by the digest of its content, so equal content is one object whichever way it came about.
What an object came from and what was counted on the way stand in the record of the step that made it.
"""

import hashlib
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Base of everything a step may return: small, frozen, closed, and known by its class name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    registry: ClassVar[dict[str, type["Value"]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        Value.registry[cls.__name__] = cls

    def counts_as(self) -> Any:
        """Return what stands for this value in the key of a step, or None for all its fields."""
        return None


class Ref(Value):
    """Names one stored object."""

    kind: str
    digest: str
    rows: int
    shape: tuple[int, ...] = ()
    dtype: str = ""

    def counts_as(self) -> Any:
        """Count by content: kind and digest."""
        return {"ref": self.kind, "digest": self.digest}


class SnapshotRef(Ref):
    """The items of a source as they were when it was scanned: name, size, sha256."""

    kind: Literal["snapshot"] = "snapshot"


class DocumentsRef(Ref):
    """A table of `Document` rows."""

    kind: Literal["documents"] = "documents"


class RejectedRef(Ref):
    """A table of `Rejected` rows: the quarantine."""

    kind: Literal["rejected"] = "rejected"


class PassagesRef(Ref):
    """A table of `Passage` rows, in the order of their documents."""

    kind: Literal["passages"] = "passages"


class VectorsRef(Ref):
    """A (N, D) float32 array of unit-length rows."""

    kind: Literal["vectors"] = "vectors"


class VectorTableRef(Ref):
    """A Parquet file of ids and their (N, D) vectors, for readers outside this project."""

    kind: Literal["vector-table"] = "vector-table"


class Ingested(Value):
    """What came out of a source: the documents and the quarantine."""

    documents: DocumentsRef
    rejected: RejectedRef


class Encoder(Value):
    """What decides a vector of a text, apart from rounding: the identity of an encoder.

    Attributes:
        model: Id or folder it was loaded from; a name, not part of the identity.
        revision: Commit on the hub, `embedded`, or `local`.
        weights: sha256 over the weight files; of a remote encoder over address and name, all that can be seen of it.
        tokenizer: sha256 of the tokenizer file; of a remote encoder the embedded one's, which counts and cuts.
        pooling: How token vectors become one vector: mean, cls, max, lasttoken, weightedmean, mean_sqrt_len;
            mean_known leaves out tokens that the vocabulary does not know; server is not known here.
        normalize: Whether the model itself ends in a normalisation.
        max_tokens: Longer texts are cut, special tokens included.
        width: D, numbers in a vector.
        query_prompt: Put before every query.
        passage_prompt: Put before every passage.
        architecture: transformer; static, a table of token vectors; remote, a server.
        base_url: Address of the server, empty for other architectures.
    """

    model: str
    revision: str
    weights: str
    tokenizer: str
    pooling: str
    normalize: bool
    max_tokens: int
    width: int
    query_prompt: str = ""
    passage_prompt: str = ""
    architecture: Literal["transformer", "static", "remote"] = "transformer"
    base_url: str = ""

    @property
    def identity(self) -> str:
        """Digest of everything but the names: two encoders with one identity share a vector space."""
        names = {"model", "revision"} if self.base_url else {"model", "revision", "base_url"}
        return _sha256(self.model_dump_json(exclude=names))

    def counts_as(self) -> Any:
        """Count by identity, not by name."""
        return self.identity


class Numerics(Value):
    """How an encoder is run: it moves a vector by rounding only.

    Attributes:
        precision: exact is 32-bit floats; int8 has gone through a gate of quality; server is not known here.
        engine: Library and device, as `torch-cpu`; `openai-api` for a server.
        reason: Why this precision and device were chosen; counts for nothing.
    """

    precision: Literal["exact", "bf16", "int8", "server"]
    engine: str
    reason: str = ""


class Transport(Value):
    """How a server is asked: it moves no vector.

    Attributes:
        requests: Requests at a time.
        texts: Texts a request.
        timeout_s: Seconds of silence after which a request is tried again.
    """

    requests: int
    texts: int
    timeout_s: float


class Fingerprint(Value):
    """What decides the stored vector of a text: identity and numerics.

    Attributes:
        encoder: The identity.
        numerics: How it is run.
        transport: How the server of a remote encoder is asked, None for others; counts for nothing.
    """

    encoder: Encoder
    numerics: Numerics
    transport: Transport | None = None

    @property
    def digest(self) -> str:
        """Name of the item cache that holds such vectors."""
        return _sha256(f"{self.encoder.identity} {self.numerics.engine} {self.numerics.precision}")

    def counts_as(self) -> Any:
        """Count by what decides a vector, not by names and reasons."""
        return self.digest


class Scorer(Value):
    """What decides the score of a query and a passage that are read together: a cross-encoder, and how it is run.

    Attributes:
        model: Id or folder it was loaded from; a name that counts for nothing.
        revision: Commit on the hub, or `local`; counts for nothing.
        weights: sha256 over the weight files.
        tokenizer: sha256 of the tokenizer file.
        settings: sha256 of the two files that say how model and tokenizer are run.
        max_tokens: Longer pairs are cut, the longer text first, special tokens included.
        numerics: Precision and engine.
    """

    model: str
    revision: str
    weights: str
    tokenizer: str
    settings: str
    max_tokens: int
    numerics: Numerics

    def counts_as(self) -> Any:
        """Count by what decides a score, not by names and reasons."""
        identity = self.model_dump_json(exclude={"model": True, "revision": True, "numerics": {"reason"}})
        return _sha256(identity)


class Shard(Value):
    """What encoding one shard took, and the rows of it that could not be encoded, with the reason."""

    texts: int
    tokens: int
    padded: int
    truncated: int
    poison: tuple[tuple[int, str], ...] = ()


class Embedded(Value):
    """Passages and their vectors, row by row, and what could not be encoded."""

    passages: PassagesRef
    vectors: VectorsRef
    rejected: RejectedRef
    fingerprint: Fingerprint


class DenseIndexRef(Ref):
    """An index over (N, D) vectors: index.json says what it is and how well it finds; FAISS's file, or a server."""

    kind: Literal["dense-index"] = "dense-index"


class SparseIndexRef(Ref):
    """A bm25s index over N passages."""

    kind: Literal["sparse-index"] = "sparse-index"


class TopicsRef(Ref):
    """A table of `Topic` rows, noise (-1) first, then by size."""

    kind: Literal["topics"] = "topics"


class Asked(Value):
    """Questions to judge a collection by.

    Attributes:
        questions: With their known answers.
        queries: The same, as they are put to the collection.
        answerable: How many the collection answers.
        left_out: Questions of the file whose answers it does not have.
    """

    questions: "QuestionsRef"
    queries: "QueriesRef"
    answerable: int
    left_out: int


class GraphRef(Ref):
    """A (N, K, 2) float32 array: for each row its K nearest rows, itself first, as (row, distance)."""

    kind: Literal["graph"] = "graph"


class LayoutRef(Ref):
    """A (N, C) float32 array: points in few dimensions."""

    kind: Literal["layout"] = "layout"


class LabelsRef(Ref):
    """A (N,) int64 array: the cluster of each row, -1 for noise."""

    kind: Literal["labels"] = "labels"


class MeasuresRef(Ref):
    """A table of `Measure` rows."""

    kind: Literal["measures"] = "measures"


class ScoresRef(Ref):
    """A table of `Scored` rows: what `Measure` rows are means of, a question at a time."""

    kind: Literal["scores"] = "scores"


class QuestionsRef(Ref):
    """A table of `Question` rows."""

    kind: Literal["questions"] = "questions"


class QueriesRef(Ref):
    """A table of `Query` rows."""

    kind: Literal["queries"] = "queries"


class HitsRef(Ref):
    """A table of `Hit` rows, best first within a query."""

    kind: Literal["hits"] = "hits"


class AnswersRef(Ref):
    """A list of answers as JSON."""

    kind: Literal["answers"] = "answers"


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

    def counts_as(self) -> Any:
        """Count by what is searched, not by name and number, nor by when nothing is answered."""
        searched = (self.documents, self.passages, self.vectors, self.dense, self.sparse, self.fingerprint)
        return [part.digest for part in searched]


class Pooled(Value):
    """Documents that have a vector, and their vectors, row by row."""

    documents: DocumentsRef
    vectors: VectorsRef


class TopicMap(Value):
    """Documents as points of a map, their clusters, and the clusters in words."""

    documents: DocumentsRef
    layout: LayoutRef
    labels: LabelsRef
    topics: TopicsRef


class Evaluation(Value):
    """What a collection was asked, and how it did."""

    asked: Asked
    rankings: MeasuresRef
    scores: ScoresRef
    answers: AnswersRef
    decisions: MeasuresRef


class Outcome(Value):
    """What a flow run hands back: the launcher prints it, a calling flow reads it.

    Attributes:
        flow: Name of the flow.
        mlflow_run_id: Where it is tracked; empty where MLflow did not answer.
        tasks: Steps that `run` and that were `cached`.
        metrics: Every number of the run.
        refs: What it made, by name: kind, digest, rows.
        report: Path of its page, empty if it has none.
        result: What was asked for.
    """

    flow: str
    mlflow_run_id: str
    tasks: dict[str, int]
    metrics: dict[str, float]
    refs: dict[str, dict[str, Any]]
    report: str
    result: dict[str, Any]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
