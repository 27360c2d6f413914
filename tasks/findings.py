"""What is found out about generations and answers: values that steps return and pages show."""

from tasks.data import (
    AnswersRef,
    DocumentsRef,
    Fingerprint,
    Generation,
    PassagesRef,
    QueriesRef,
    SnapshotRef,
    Value,
    VectorsRef,
)


class Delta(Value):
    """How the documents of a generation differ from those that were live before, by id and digest of the text.

    Attributes:
        against: Number of the generation compared with, 0 where there was none.
        added: Documents whose id is new.
        changed: Documents whose text is another.
        removed: Documents that are gone.
        unchanged: Documents that are as they were.
    """

    against: int
    added: int
    changed: int
    removed: int
    unchanged: int


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


class Comparison(Value):
    """What the gate found: a generation and the live one on the same questions, or why they were not compared.

    Attributes:
        skipped: Why nothing was compared; empty where it was.
        against: Number of the live generation, 0 where there is none.
        metric: What was measured, as `ndcg@10`.
        questions: Questions whose answers both hold.
        live: Mean of the live generation.
        new: Mean of the new one.
        low: Lower end of the 95 % interval of the mean difference, new less live.
        high: Upper end.
        tolerance: How much worse it may be.
        refused: Whether it is worse by more than that.
    """

    skipped: str = ""
    against: int = 0
    metric: str = ""
    questions: int = 0
    live: float = 0.0
    new: float = 0.0
    low: float = 0.0
    high: float = 0.0
    tolerance: float = 0.0
    refused: bool = False

    @property
    def words(self) -> str:
        """One line for people: what was found, or why nothing was compared."""
        if self.skipped:
            return f"not compared: {self.skipped}"
        return (
            f"{self.metric} of {self.questions} questions is {self.new:.3f}, of generation {self.against} "
            f"{self.live:.3f}: {self.new - self.live:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        )


class Release(Value):
    """A generation and what was found out about it before it became live.

    Attributes:
        generation: The one that is live now; the one that was refused has number 0.
        delta: How its documents differ from those that were live when this run began.
        verified: That it is whole.
        comparison: Whether it finds as well as the one before.
    """

    generation: Generation
    delta: Delta
    verified: Verified
    comparison: Comparison


class Closeness(Value):
    """How close vectors of the same passages are, when the same encoder is run in two ways.

    Attributes:
        passages: Passages compared.
        least: Smallest cosine.
        mean: Mean cosine.
    """

    passages: int
    least: float
    mean: float


class Given(Value):
    """Answers that were once given, and what they were made from.

    Attributes:
        answers: The answers.
        sentences: Sentences they could quote.
        documents: Documents of the generation that was asked.
        snapshot: Items of the source these were read from.
        fingerprint: What encoded the passages.
        generations: The generations that are kept and search just this.
    """

    answers: AnswersRef
    sentences: PassagesRef
    documents: DocumentsRef
    snapshot: SnapshotRef
    fingerprint: Fingerprint
    generations: tuple[Generation, ...]


class Trail(Value):
    """The way from a citation back to the file it was read from.

    Attributes:
        answer: Number of the answer among those given together, from 0.
        question: What was asked.
        sentence: The words quoted.
        passage: Id of the passage they stand in; empty where it is not known any more.
        document: Id of the document.
        version: sha256 of its text, as it was when it was cited.
        item: File of the source; empty where the snapshot does not list it.
        item_sha256: Digest of that file.
    """

    answer: int
    question: str
    sentence: str
    passage: str
    document: str
    version: str
    item: str
    item_sha256: str


class Trails(Value):
    """The trails of all citations of some answers, in their order."""

    trails: tuple[Trail, ...]
