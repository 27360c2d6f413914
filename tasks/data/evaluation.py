"""Questions whose answers are known, and what was measured with them: references and rows."""

import re
from dataclasses import dataclass
from typing import Literal

from tasks.data.answers import AnswersRef
from tasks.data.base import Ref, Value
from tasks.data.search import QueriesRef


class QuestionsRef(Ref):
    """A table of `Question` rows."""

    kind: Literal["questions"] = "questions"


def metric_name(text: str) -> str:
    """Return a text as a part of a metric's name: small letters, digits and underscores, as `ndcg_at_10`."""
    spelled = text.lower().replace("@", " at ").replace(" - ", " minus ").replace("%", " percent ")
    return re.sub(r"\W+", "_", spelled).strip("_")


class QuestionSet(Value):
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


class MeasuresRef(Ref):
    """A table of `Measure` rows."""

    kind: Literal["measures"] = "measures"


class ScoresRef(Ref):
    """A table of `Scored` rows: what `Measure` rows are means of, a question at a time."""

    kind: Literal["scores"] = "scores"


class Evaluation(Value):
    """What a collection was asked, and how it did."""

    asked: QuestionSet
    rankings: MeasuresRef
    scores: ScoresRef
    answers: AnswersRef
    decisions: MeasuresRef


class Spread(Value):
    """What the repeats of one measurement came to.

    Attributes:
        name: What was repeated.
        median: Of the repeats.
        mean: Of the repeats.
        least: Of the repeats.
        most: Of the repeats.
        count: How many there were.
    """

    name: str
    median: float
    mean: float
    least: float
    most: float
    count: int


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with its interval, and what it was measured on; both ends are the number where it has no interval."""

    name: str
    what: str
    value: float
    low: float
    high: float
    n: int

    @property
    def metric(self) -> str:
        """Its name among the metrics of a run: of what, and which measure, as `weighted.ndcg_at_10`."""
        return f"{metric_name(self.what)}.{metric_name(self.name)}"

    @property
    def has_interval(self) -> bool:
        """Whether an interval was computed: of what is fixed, or was seen once, there is none."""
        return self.low < self.high

    @property
    def interval(self) -> str:
        """Its interval as pages show it; nothing where it has none."""
        return f"{self.low:.3f} to {self.high:.3f}" if self.has_interval else ""

    def stated(self) -> dict[str, float]:
        """Return value, interval and n, as the caller of a flow gets them; no ends where there is no interval."""
        ends = {"low": round(self.low, 6), "high": round(self.high, 6)} if self.has_interval else {}
        return {"value": round(self.value, 6), **ends, "n": self.n}


@dataclass(frozen=True, slots=True)
class Scored:
    """How well one question was served.

    Attributes:
        question: Id of the question.
        way: Name of the ranking.
        metric: What was measured, as `ndcg@10`.
        value: From 0 to 1.
    """

    question: str
    way: str
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose answer is known.

    Attributes:
        id: Its name.
        question: What is asked.
        answers: Ids of the documents that answer it; none where nothing in the collection does.
        split: development or test; empty for neither.
        spans: Texts, each of which answers it in few words; none where that is not known.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    split: str
    spans: tuple[str, ...] = ()
