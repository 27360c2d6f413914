"""Words with vectors, and what is learned of them: references, small values and rows."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import RejectedRef
from tasks.data.evaluation import MeasuresRef, ScoresRef


class LinesRef(Ref):
    """A table of `Line` rows."""

    kind: Literal["lines"] = "lines"


class WordVectorsRef(Ref):
    """Words with vectors: words.json, input.npy (V, D), counts.npy (V,), output.npy (V, D) of trained ones."""

    kind: Literal["word-vectors"] = "word-vectors"


class NeighboursRef(Ref):
    """A table of `Neighbour` rows, closest first within what was asked."""

    kind: Literal["neighbours"] = "neighbours"


class PairsRef(Ref):
    """A table of `Pair` rows."""

    kind: Literal["pairs"] = "pairs"


class SensesRef(Ref):
    """A table of `SensePoint` rows."""

    kind: Literal["senses"] = "senses"


class FileOfVectors(Value):
    """A file of vectors that others have trained.

    Attributes:
        path: Where it is.
        digest: Of its content.
    """

    path: str
    digest: str

    def cache_key(self) -> Any:
        """Count by content."""
        return self.digest


class EventLists(Value):
    """Lists of items, and what each item is called.

    Attributes:
        lines: A list a user, in the order of time.
        names: A row for each item that has a name: the item, then the name.
        rejected: Rows that could not be read, with the reason.
    """

    lines: LinesRef
    names: LinesRef
    rejected: RejectedRef


class Predicted(Value):
    """How well the next items of lists were predicted: every list's values, and means."""

    scores: ScoresRef
    lists: int
    items: int
    unknown: int


class Learned(Value):
    """Vectors, and what they were learned from.

    Attributes:
        vectors: Words or items with vectors.
        lines: Sentences or lists, whole; None where vectors were read from a file.
        names: What items are called; None where they are words.
        predicted: How well the next items of lists were predicted, list by list; None where there are no lists.
        judged: The same in the mean.
    """

    vectors: WordVectorsRef
    lines: LinesRef | None = None
    names: LinesRef | None = None
    predicted: Predicted | None = None
    judged: MeasuresRef | None = None


class SensesFound(Value):
    """A word in many sentences: where its vectors lie, and how well each kind tells its senses apart."""

    points: SensesRef
    scores: ScoresRef


@dataclass(frozen=True, slots=True)
class Line:
    """Words of a sentence, or items of a user, in order.

    Attributes:
        id: Of the sentence or user.
        words: The words or items.
    """

    id: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A word that is near what was asked.

    Attributes:
        asked: The word, or the sum of words.
        rank: From 1; 0 where nothing was found, and `word` says why.
        word: The neighbour.
        score: Cosine.
    """

    asked: str
    rank: int
    word: str
    score: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What one step of training sees.

    Attributes:
        word: The word.
        neighbour: One that stands near it: they are drawn together.
        negatives: Words drawn at random: they are pushed apart.
    """

    word: str
    neighbour: str
    negatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SensePoint:
    """A vector of a word in one sentence, as a point of a map.

    Attributes:
        way: contextual or static.
        sense: Name of the sense.
        text: The sentence.
        x: Place on the map.
        y: The same.
    """

    way: str
    sense: str
    text: str
    x: float
    y: float
