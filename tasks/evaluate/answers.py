"""Measure answers whose wording is known: words shared, spans quoted, documents cited, sentences without support.

Source: normalisation, exact match and token F1 are SQuAD's, Rajpurkar et al. 2016, arXiv:1606.05250.
"""

import re
import string
from collections.abc import Collection, Iterator, Sequence

from configs.evaluate import Evaluate
from tasks.data.answers import Answer
from tasks.data.evaluation import Measure, Question
from tasks.metrics.intervals import mean_interval
from tasks.metrics.shares import f1_of_words

ARTICLES = re.compile(r"\b(a|an|the)\b")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")  # Thai to Chinese
UNMARKED = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> list[str]:
    """Return the words that count: lower case, without punctuation and articles."""
    return ARTICLES.sub(" ", text.lower().translate(UNMARKED)).split()


def exact_match(text: str, spans: Sequence[str]) -> float:
    """Return 1 if the text has the words of one of the spans and no others, else 0."""
    return float(any(normalised(text) == normalised(span) for span in spans))


def token_f1(text: str, spans: Sequence[str]) -> float:
    """Return the harmonic mean of precision and recall of the words, of the span it is highest for; 0 for no spans."""
    return max((f1_of_words(normalised(text), normalised(span)) for span in spans), default=0.0)


def holds_span(sentence: str, spans: Sequence[str]) -> bool:
    """Return whether the words of a span stand in a sentence, one after another; scripts without blanks have none."""
    said = f" {' '.join(normalised(sentence))} "
    for span in spans:
        words = normalised(span)
        if UNSPACED.search(span):
            if "".join(words) in said.replace(" ", ""):
                return True
        elif words and f" {' '.join(words)} " in said:
            return True
    return False


def citation_precision(cited: Sequence[str], relevant: Collection[str]) -> float:
    """Return the share of citations whose document answers the question; 0 where nothing is cited."""
    return sum(name in relevant for name in cited) / len(cited) if cited else 0.0


def citation_recall(cited: Sequence[str], relevant: Collection[str]) -> float:
    """Return the share of the documents that answer which are cited; 0 where none answers."""
    return len(set(cited) & set(relevant)) / len(set(relevant)) if relevant else 0.0


def judge_wording(questions: Sequence[Question], answers: Sequence[Answer], config: Evaluate) -> list[Measure]:
    """Measure the answers given to questions that have one; those withheld are left out.

    Returns:
        Means with bootstrap intervals: `citation precision`, `citation recall` and `unsupported sentences` of what was
        answered; where spans are known, also `span quoted` and `span quoted first` in a citation, and `token F1` and
        `exact match` of the whole text.
    """
    pairs = list(zip(questions, answers, strict=True))
    given = [(q, a) for q, a in pairs if q.answers and not a.abstained]
    values: dict[str, list[float]] = {}
    for question, answer in given:
        for name, value in _values(question, answer):
            values.setdefault(name, []).append(value)
    measures = []
    for name, cases in values.items():
        mean, (low, high) = mean_interval(cases, resamples=config.resamples, seed=config.seed)
        measures.append(Measure(name, "answered", mean, low, high, len(cases)))
    return measures


def _values(question: Question, answer: Answer) -> Iterator[tuple[str, float]]:
    cited = [c.document for c in answer.citations]
    yield "citation precision", citation_precision(cited, question.answers)
    yield "citation recall", citation_recall(cited, question.answers)
    yield "unsupported sentences", float(answer.unsupported)
    if question.spans:
        held = [holds_span(c.sentence, question.spans) for c in answer.citations]
        text = re.sub(r"\[\d+\]", " ", answer.text)
        yield "span quoted", float(any(held))
        yield "span quoted first", float(any(held[:1]))
        yield "token F1", token_f1(text, question.spans)
        yield "exact match", exact_match(text, question.spans)
