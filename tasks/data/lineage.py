"""Where an answer came from: values that steps return and pages show."""

from tasks.data.answers import AnswersRef
from tasks.data.base import Value
from tasks.data.documents import DocumentsRef, PassagesRef, SnapshotRef
from tasks.data.models import Fingerprint
from tasks.data.search import Generation


class GivenAnswers(Value):
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
