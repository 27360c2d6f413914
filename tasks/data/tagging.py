"""What crosses the border between tasks that mark places in texts: references, rows and small values."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value
from tasks.data.documents import RejectedRef
from tasks.data.evaluation import MeasuresRef


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """A text, its words, and a label for each.

    Attributes:
        id: Name.
        text: What it says; offsets count its characters.
        starts: First character of each word.
        ends: Character after the last of each word.
        labels: O, B-type or I-type of each word.
    """

    id: str
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    labels: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The words, in order."""
        return [self.text[a:b] for a, b in zip(self.starts, self.ends, strict=True)]


@dataclass(frozen=True, slots=True)
class FoundEntity:
    """A place in a text that a tagger has marked.

    Attributes:
        id: Name of the text.
        start: First character.
        end: Character after the last.
        label: Its type.
        text: What stands there.
        probability: Of the label of its least sure word.
    """

    id: str
    start: int
    end: int
    label: str
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class EntityScore:
    """How well a way finds entities of one type; `all` stands for all types together.

    Attributes:
        way: Name of the way.
        label: The type.
        precision: Share of those found that are.
        recall: Share of those that are that were found.
        f1: Harmonic mean of both.
        low: Lower end of the 95 % interval of F1, sentences resampled.
        high: Upper end.
        support: Entities there are.
        found: Entities that were found.
    """

    way: str
    label: str
    precision: float
    recall: float
    f1: float
    low: float
    high: float
    support: int
    found: int


@dataclass(frozen=True, slots=True)
class EntityError:
    """An entity that was missed, or one that is none.

    Attributes:
        kind: missed, spurious, or type where the place is right and the type is not.
        id: Name of the text.
        text: What stands there.
        label: Type it has; empty of a spurious one.
        found: Type it was given; empty of a missed one.
        around: The sentence.
    """

    kind: str
    id: str
    text: str
    label: str
    found: str
    around: str


class MarkedRef(Ref):
    """A table of `MarkedSentence` rows."""

    kind: Literal["marked-sentences"] = "marked-sentences"


class FoundEntitiesRef(Ref):
    """A folder with entities.parquet and entities.csv, `FoundEntity` rows."""

    kind: Literal["found-entities"] = "found-entities"


class EntityScoresRef(Ref):
    """A table of `EntityScore` rows."""

    kind: Literal["entity-scores"] = "entity-scores"


class EntityErrorsRef(Ref):
    """A table of `EntityError` rows."""

    kind: Literal["entity-errors"] = "entity-errors"


class MarkedTexts(Value):
    """Marked sentences of a source, and what could not be read.

    Attributes:
        sentences: Those that could be read.
        rejected: Those that could not.
        strays: Labels I-type that follow none of their type; they count as O.
    """

    sentences: MarkedRef
    rejected: RejectedRef
    strays: int = 0


class TagLook(Value):
    """What marked sentences look like to the tokenizer, before anything is trained.

    Attributes:
        train: Sentences that weights learn from.
        validation: Sentences that the best step is chosen by.
        test: Held-out sentences.
        words: Of the training sentences.
        entities: Training entities of each type, most first.
        median_tokens: Of a training sentence, special tokens included.
        longest_tokens: Of the longest one.
        limit: Tokens of a window.
        windows: That the training sentences are cut into.
        leaked: Training sentences that repeat a held-out one; rejected.
        strays: Labels I-type that follow none of their type; they count as O.
        warnings: What is odd, in words.
    """

    train: int
    validation: int
    test: int
    words: int
    entities: tuple[tuple[str, int], ...]
    median_tokens: int
    longest_tokens: int
    limit: int
    windows: int
    leaked: int
    strays: int
    warnings: tuple[str, ...] = ()


class PreparedTags(Value):
    """Marked sentences as they are trained on and judged by.

    Attributes:
        train: That weights learn from.
        validation: That the best step is chosen by.
        test: That all are judged by.
        labels: O, then B-type and I-type of each type.
        rejected: Sentences that are not used, with the reason.
        look: What they look like.
    """

    train: MarkedRef
    validation: MarkedRef
    test: MarkedRef
    labels: tuple[str, ...]
    rejected: RejectedRef
    look: TagLook

    def cache_key(self) -> Any:
        """Count by the sentences and labels."""
        return [self.train.digest, self.validation.digest, self.test.digest, list(self.labels)]


class TagTrial(Value):
    """What a way marks.

    Attributes:
        name: What it is called.
        validation: Validation sentences with its labels.
        test: Held-out sentences with its labels.
    """

    name: str
    validation: MarkedRef
    test: MarkedRef


class TagVerdict(Value):
    """How good the ways are, and what the gate says.

    Attributes:
        measures: Entity precision, recall and F1 with intervals, and differences, on the held-out sentences.
        scores: Type by type.
        errors: Of the chosen way.
        chosen: Name of the trained way with the best validation.
        released: Whether it passed.
        why: In words.
    """

    measures: MeasuresRef
    scores: EntityScoresRef
    errors: EntityErrorsRef
    chosen: str
    released: bool
    why: str
