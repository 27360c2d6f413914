"""Answers, what they rest on, and when none is given."""

import math
from dataclasses import dataclass
from typing import Literal

from tasks.data.base import Ref, Value

MARK = " (unsupported)"


class Calibration(Value):
    """When a collection answers nothing, fitted on questions it answers and questions it does not.

    Attributes:
        encoder: Identity of the encoder it was fitted with.
        passages: Digest of the passages it was fitted on.
        retrieval: Digest of how passages were found and read.
        weights: Of the signals of an answer: its score, and the words it shares with the question.
        intercept: Added to the weighted sum; the logistic function of that is the probability of an answer.
        below: Nothing is answered below this probability.
        answerable: Questions it was fitted on that are answered.
        unanswerable: Questions it was fitted on that are not.
        auroc: How often the former have a higher probability than the latter.
        low: Lower end of the 95 % interval of that.
        high: Upper end.
        false_abstentions: Share of the answerable below.
        abstained: Share of the unanswerable below.
        reason: Why it is not used; empty where it is.
        made: Of the answerable those made of the collection's own sentences.
        foreign: Of the unanswerable those shipped, about other subjects.
        languages: Of the shipped ones.
    """

    encoder: str
    passages: str
    retrieval: str
    weights: tuple[float, ...] = ()
    intercept: float = 0.0
    below: float = 0.0
    answerable: int
    unanswerable: int
    auroc: float = 0.5
    low: float = 0.0
    high: float = 1.0
    false_abstentions: float = 0.0
    abstained: float = 0.0
    reason: str = ""
    made: int = 0
    foreign: int = 0
    languages: str = ""

    @property
    def by(self) -> str:
        """What it was fitted on, in words."""
        made = f", {self.made} of them made of its sentences," if self.made else ""
        foreign = f", {self.foreign} of them shipped, about other subjects ({self.languages})" if self.foreign else ""
        return f"on {self.answerable} answerable{made} and {self.unanswerable} unanswerable questions{foreign}"


@dataclass(frozen=True, slots=True)
class Signal:
    """What tells whether a question is answered.

    Attributes:
        score: Cosine of the closest passage; None where none was found.
        shared: Share of the question's words that one passage holds, rare ones weighing more.
    """

    score: float | None
    shared: float


class SignalsRef(Ref):
    """A table of `Signal` rows."""

    kind: Literal["signals"] = "signals"


class Threshold(Value):
    """Below what nothing is answered.

    Attributes:
        below: A probability where there are weights, else a cosine.
        weights: Of the signals of an answer; none where its cosine alone counts.
        intercept: Added to the weighted sum.
        reason: Why it is not calibrated; empty where it is, and where it was configured.
    """

    below: float
    weights: tuple[float, ...] = ()
    intercept: float = 0.0
    reason: str = ""

    def stated(self) -> dict[str, float | bool | str]:
        """Return what the last line of a run says of it, as an answer does."""
        return {"threshold": self.below, "calibrated": bool(self.weights), "uncalibrated": self.reason}

    def probability(self, *signals: float) -> float | None:
        """Return the probability of an answer at even odds; None where this is a cosine."""
        if not self.weights:
            return None
        logit = self.intercept + sum(w * signal for w, signal in zip(self.weights, signals, strict=True))
        return (1 + math.tanh(logit / 2)) / 2

    def answers(self, score: float, shared: float) -> bool:
        """Return whether something is answered, by the closest cosine and the share of words in common."""
        probability = self.probability(score, shared)
        return (score if probability is None else probability) >= self.below


def unsupported_words(unsupported: int, sentences: int) -> str:
    """Say how many sentences are unsupported; nothing of none."""
    if not unsupported or not sentences:
        return ""
    verb = "is" if unsupported == 1 else "are"
    return f"{unsupported} of {sentences} sentences {verb} unsupported by the passages they cite"


class Elsewhere(Value):
    """Another document of the same text: its id, its file and place, and its line, 0 where lines mean nothing."""

    document: str
    path: str
    line: int


class Citation(Value):
    """A quoted sentence and where it stands.

    Attributes:
        sentence: The words quoted, line breaks turned into spaces.
        document: Id of the document.
        title: Its title.
        path: File it was read from, and the page of it where it has pages.
        line: Line of the sentence in that file, 0 where lines mean nothing.
        start: First character in the document's text.
        end: One past the last.
        score: How well the sentence and its passage match the question, at most 1; of a written answer that of its
            passage in the ranking, on the scale of retrieval (of `weighted` the best passage has 1).
        flagged: What in its passage or document speaks to a model instead of a reader; nothing for most.
        copies: Other documents that say the same in all.
        also_in: The first of them.
    """

    sentence: str
    document: str
    title: str
    path: str
    line: int
    start: int
    end: int
    score: float
    flagged: tuple[str, ...] = ()
    copies: int = 0
    also_in: tuple[Elsewhere, ...] = ()


class Answer(Value):
    """An answer made of citations, or the reason why there is none.

    Attributes:
        question: What was asked.
        text: The answer, each sentence with the number of its citation; empty where nothing is answered.
        citations: What the answer rests on.
        abstained: Why nothing is answered; empty where something is.
        score: Cosine of the question and the closest passage found, or None where none was.
        threshold: Nothing is answered below: a probability where calibrated, else a score.
        calibrated: Whether the threshold was fitted on this collection.
        shared: Largest share of the question's words that one passage read holds; rare words weigh more, stop words
            nothing.
        probability: That the collection answers, at even odds; None where not calibrated.
        uncalibrated: Why not, where that is known.
        flagged: Passages read that speak to a model instead of a reader.
        unsupported: Sentences of the text that cite nothing, or say what their citation does not hold.
        doubts: Each of them, and what its citation does not hold; of answers with citations only.
        finish: Why the reply of a model ended: stop, length, refused, repetition; empty where none was asked.
        sentences: Of the reply of a model, each with the numbers of its citations; none where it refused.
        marks: Whether each of them is unsupported.
        quoted: Why the text is quoted and not written, where a model was asked; empty where it is written.
        withheld: What the model wrote, where it is not shown.
        reasoning: What the model thought before its reply; nothing of it counts.
        notes: What a reader must know of how the reply was drawn, or of what is quoted.
        estimated: Whether its tokens are estimated, for the server does not state them.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    abstained: str
    score: float | None
    threshold: float
    calibrated: bool = False
    shared: float = 0.0
    probability: float | None = None
    uncalibrated: str = ""
    flagged: int = 0
    unsupported: int = 0
    doubts: tuple[str, ...] = ()
    finish: str = ""
    sentences: tuple[str, ...] = ()
    marks: tuple[bool, ...] = ()
    quoted: str = ""
    withheld: str = ""
    reasoning: str = ""
    notes: tuple[str, ...] = ()
    estimated: bool = False

    @property
    def support(self) -> str:
        """How many sentences of a reply are unsupported, in words; empty where all are supported."""
        return unsupported_words(self.unsupported, len(self.sentences))

    @property
    def marked(self) -> str:
        """The text with a mark after each sentence that is unsupported."""
        if self.quoted or self.abstained or not self.unsupported:
            return self.text
        marks = (MARK * wrong for wrong in self.marks)
        return " ".join(f"{sentence}{mark}" for sentence, mark in zip(self.sentences, marks, strict=True))


class AnswersRef(Ref):
    """A list of answers as JSON."""

    kind: Literal["answers"] = "answers"
