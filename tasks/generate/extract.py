"""Answer a question by quoting the sentences that answer it best, or say that nothing here does.

Shapes: S sentences, D width.
Source: ours; the idea of an answer that only cites is in "Hands-On Large Language Models", chapter 8.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from configs.generate import Extractive
from tasks.data import Answer, Citation
from tasks.rows import Document, Passage
from tasks.text import sentences

MIN_WORDS = 3
CODE = re.compile(r"^\s*(>>>|\.\.\.|\.\. )|^[\s\W\d]*$")


def sentences_of(passages: Sequence[Passage]) -> Iterator[Passage]:
    """Yield the sentences of passages as passages of their own, code and bare headings left out.

    A sentence's id is its passage's and a number; document and offsets stay those of the source, the heading is
    dropped.
    """
    for passage in passages:
        for number, (start, end) in enumerate(sentences(passage.text)):
            text = passage.text[start:end]
            if len(re.findall(r"[^\W\d_]{2,}", text)) >= MIN_WORDS and not CODE.match(text):
                span = passage.start + start, passage.start + end
                yield Passage(f"{passage.id}.{number}", passage.document, passage.row, *span, "", text, 0)


def passage_of(sentence: Passage) -> str:
    """Return the id of the passage a sentence was cut from."""
    return sentence.id.rpartition(".")[0]


def choose(scores: npt.NDArray[np.float32], *, limit: int, within: float) -> npt.NDArray[np.int64]:
    """Choose the sentences to quote.

    Args:
        scores: (S,) cosine of the question with each sentence.
        limit: Sentences at most.
        within: A further sentence needs this share of the best score.

    Returns:
        Rows, best first; at least one where there are any.
    """
    order = np.argsort(-scores, kind="stable")[:limit]
    if not len(order):
        return order
    best = float(scores[order[0]])
    return order[scores[order] >= np.float32(min(best, within * best))]  # a share of a negative score lies above it


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for one question.

    Attributes:
        question: What was asked.
        score: Cosine of the question and the closest passage; None where no passage was found.
        sentences: S sentences of the passages.
        scores: (S,) cosine of the question with each.
    """

    question: str
    score: float | None
    sentences: Sequence[Passage]
    scores: npt.NDArray[np.float32]


def answer_question(found: Found, documents: Mapping[int, Document], config: Extractive, threshold: float) -> Answer:
    """Quote the sentences that answer best, each wording once, or say why nothing is answered.

    Args:
        found: The question and what was found for it.
        documents: Document of each row a sentence names.
        config: How many sentences, and how close to the best.
        threshold: Score of the closest passage below which nothing is answered.
    """
    reason = _why_not(found, threshold)
    cited = () if reason else tuple(_quote(found, documents, config))
    return Answer(
        question=found.question,
        text=" ".join(f"{c.sentence} [{number}]" for number, c in enumerate(cited, start=1)),
        citations=cited,
        abstained=reason,
        score=found.score,
        threshold=threshold,
    )


def _why_not(found: Found, threshold: float) -> str:
    if found.score is None:
        return "no answer in this collection: no passage was found"
    if found.score < threshold:
        return f"no answer in this collection: the closest passage scores {found.score:.3f}, below {threshold:.3f}"
    return "" if found.sentences else "no answer in this collection: the passages found hold no sentence"


def _quote(found: Found, documents: Mapping[int, Document], config: Extractive) -> Iterator[Citation]:
    first: dict[str, int] = {}
    for row in np.argsort(-found.scores, kind="stable"):
        first.setdefault(" ".join(found.sentences[row].text.split()).lower(), int(row))
    rows = np.array(list(first.values()), dtype=np.int64)
    for row in rows[choose(found.scores[rows], limit=config.sentences, within=config.within)]:
        sentence = found.sentences[row]
        yield _cite(sentence, documents[sentence.row], float(found.scores[row]))


def _cite(sentence: Passage, document: Document, score: float) -> Citation:
    """Say where a sentence stands."""
    return Citation(
        sentence=" ".join(sentence.text.split()),
        document=document.id,
        title=document.title,
        path=document.path_of(sentence.start),
        line=document.line_of(sentence.start),
        start=sentence.start,
        end=sentence.end,
        score=round(score, 4),
    )
