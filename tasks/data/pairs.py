"""Texts that a model is trained to put together or apart, and sets it is judged by: references, rows and values."""

from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import PassagesRef, RejectedRef
from tasks.data.search import QueriesRef
from tasks.data.vectors import VectorsRef

Role = Literal["domain", "general", "shown"]
JudgedAs = Literal["retrieval", "listed", "similarity", "nearest-label"]


class TextPairsRef(Ref):
    """A table of `TextPair` rows."""

    kind: Literal["text-pairs"] = "text-pairs"


class TruthsRef(Ref):
    """A table of `Truth` rows."""

    kind: Literal["truths"] = "truths"


class PairScoresRef(Ref):
    """A (P,) float32 array of the scores of the pairs that a judged set lists."""

    kind: Literal["pair-scores"] = "pair-scores"


class TuneChecksRef(Ref):
    """A table of `TuneCheck` rows."""

    kind: Literal["tune-checks"] = "tune-checks"


@dataclass(frozen=True, slots=True)
class TextPair:
    """One row of examples; what its format does not have is empty.

    Attributes:
        id: Where it stands in the source.
        anchor: The text, the question, the first of two texts.
        positive: What belongs to it, the second of two texts.
        negative: What does not belong to it although it looks as if.
        score: How alike the two texts are, 0..1; 1 where they belong together.
        label: Class of the text, or how the second text relates to the first.
        group: Rows of one group are never on both sides of a split.
    """

    id: str
    anchor: str
    positive: str = ""
    negative: str = ""
    score: float = 1.0
    label: str = ""
    group: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """Its texts, those that are there."""
        return tuple(text for text in (self.anchor, self.positive, self.negative) if text)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a text on the left and one on the right of a judged set.

    Attributes:
        left: Row on the left; -1 where the right alone has a class.
        right: Row on the right; -1 where the left alone has a class.
        value: 1 relevant, 0 not; how alike they are; or the number of the class.
    """

    left: int
    right: int
    value: float


@dataclass(frozen=True, slots=True)
class TuneCheck:
    """One measure of a model before and after training, on the same items.

    Attributes:
        name: Of the judged set.
        role: domain, what it was trained for; general, what it must not lose; shown, what decides nothing.
        metric: What was measured, as `1-NN accuracy`.
        items: Over which both are averaged, or correlated; 0 where that is not known, and then there is no interval.
        before: Of the model that was started from.
        after: Of the trained one.
        low: Lower end of the 95 % interval of the paired difference, after less before.
        high: Upper end.
        passed: Whether the gate lets it through.
        why: What was needed, in words.
    """

    name: str
    role: Role
    metric: str
    items: int
    before: float
    after: float
    low: float
    high: float
    passed: bool
    why: str

    @property
    def difference(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def words(self) -> str:
        """One line for people."""
        said = f"{self.metric} of {self.name} {self.before:.3f} -> {self.after:.3f}, {self.difference:+.3f}"
        return f"{said} ({self.low:+.3f} to {self.high:+.3f}, {self.items:,} items)" if self.items else said


class PairTable(Value):
    """Examples as they were read, and rows that were rejected."""

    pairs: TextPairsRef
    rejected: RejectedRef


class JudgedSet(Value):
    """A set of texts with known answers, by which a model is judged before and after training.

    Attributes:
        name: What pages call it.
        role: domain, what is trained for; general, what must not be lost.
        judged_as: retrieval, each left text ranks all on the right; listed, only those a truth names; similarity,
            pairs with a score; nearest-label, each left text takes the class of the nearest on the right.
        left: N texts, encoded as queries are.
        right: M texts, encoded as passages are.
        truths: What is known.
    """

    name: str
    role: Role
    judged_as: JudgedAs
    left: QueriesRef
    right: PassagesRef
    truths: TruthsRef


class JudgedVectors(Value):
    """Vectors of both sides of a judged set by one encoder: (N, D) and (M, D) unit-length rows."""

    left: VectorsRef
    right: VectorsRef


class SplitPairs(Value):
    """Examples in three parts that share no text, and what was taken out so that they do not.

    Attributes:
        train: To train on.
        validation: To stop by.
        test: To judge by, touched by nothing else.
        removed: Training rows that repeat a text that is judged by, exactly or nearly; and rows that repeat another.
        exact: Removed for a text that is the same.
        near: Removed for a text that is nearly the same.
    """

    train: TextPairsRef
    validation: TextPairsRef
    test: TextPairsRef
    removed: RejectedRef
    exact: int
    near: int


class PairTexts(Value):
    """Texts of rows that are to be encoded: the anchor of each row, and the different texts that belong to them."""

    anchors: QueriesRef
    texts: PassagesRef


class MinedRows(Value):
    """Rows with hard negatives.

    Attributes:
        rows: As the loss reads them.
        filtered: Texts that were too near to be negatives for sure.
        without: Rows that are left out for want of a negative.
    """

    rows: TextPairsRef
    filtered: int
    without: int


class TrainingPairs(Value):
    """What a model is trained with.

    Attributes:
        rows: Trained on, as the loss reads them.
        validation: Likewise, for the loss of the validation data.
        judged: What the best step is chosen by.
    """

    rows: TextPairsRef
    validation: TextPairsRef
    judged: JudgedSet


class PairsLook(Value):
    """What examples look like to the tokenizer, before anything is trained.

    Attributes:
        pairs: Rows that are trained on.
        labels: Rows of each label or relation, most first; empty where there are none.
        median_tokens: Of a text, special ones included.
        longest_tokens: Of the longest text.
        truncated: Share of the texts that are cut.
        repeated: Rows that say what another says.
        contradictions: Pairs of texts with two scores, or texts with two labels.
        steps: Of the optimizer.
        tokens: That go through the model while it is trained, padding left out.
        seconds: That may take here, a guess.
        memory: Bytes of weights, gradients, optimizer and activations, a guess.
        warnings: What is odd, in words.
    """

    pairs: int
    labels: tuple[tuple[str, int], ...]
    median_tokens: int
    longest_tokens: int
    truncated: float
    repeated: int
    contradictions: int
    steps: int
    tokens: int
    seconds: float
    memory: float
    warnings: tuple[str, ...] = ()


class TuneVerdict(Value):
    """What the gate found.

    Attributes:
        checks: Every measure, before and after.
        released: Whether the model may replace the one it was started from.
        why: In words; of a refusal, what failed.
    """

    checks: TuneChecksRef
    released: bool
    why: str
