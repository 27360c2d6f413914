"""Answer a question by quoting the sentences that answer it best, or say that nothing here does.

Shapes: S sentences, D width.
Source: ours; the idea of an answer that only cites is in "Hands-On Large Language Models", chapter 8.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.generate import Extractive
from tasks.data.answers import Answer, Citation, Threshold
from tasks.data.documents import Document, Passage
from tasks.generate.assertions import has_value
from tasks.text.scripts import letter_words
from tasks.text.sentences import sentences

Floats = npt.NDArray[np.float32]
MIN_WORDS = 3
FRAGMENTS = "The passages found hold no full sentence: what is quoted is a heading, an entry, a question or a fragment"
CODE = re.compile(r"^\s*(>>>|\.\.\.|\.\. )|^[\s\W\d]*$")


def sentences_of(passages: Sequence[Passage]) -> Iterator[Passage]:
    """Yield the sentences of passages as passages of their own, code and bare headings left out.

    A sentence's id is its passage's and a number; document and offsets stay those of the source, the heading is
    dropped.
    """
    for passage in passages:
        for number, (start, end) in enumerate(sentences(passage.text)):
            text = passage.text[start:end]
            words = max(len(re.findall(r"[^\W\d_]{2,}", text)), len(letter_words(text, 2)))
            if (words >= MIN_WORDS or (words and has_value(text))) and not CODE.match(text):
                span = passage.start + start, passage.start + end
                yield Passage(f"{passage.id}.{number}", passage.document, passage.row, *span, "", text, 0)


def passage_of(sentence: Passage) -> str:
    """Return the id of the passage a sentence was cut from."""
    return sentence.id.rpartition(".")[0]


def rarity(asked: Set[str], texts: Sequence[Set[str]]) -> dict[str, float]:
    """Weigh the words of a question by how few of the texts hold them, as BM25 does; one that none holds weighs most.

    So a word in common counts for little where the texts lack what else was asked for.
    """
    held = {word: sum(word in text for text in texts) for word in sorted(asked)}
    return {word: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for word, n in held.items()}


def share_of(weights: Mapping[str, float], text: Set[str]) -> float:
    """Return which share of the weight of a question's words a text holds."""
    total = sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in text) / total if total else 0.0


def choose(
    scores: Floats, owners: Sequence[str], *, limit: int, within: float, elsewhere: float
) -> npt.NDArray[np.int64]:
    """Choose the sentences to quote.

    Args:
        scores: (S,) how well each sentence matches the question.
        owners: Document of each.
        limit: Sentences at most.
        within: A further sentence of the best one's document needs this share of the best score.
        elsewhere: A sentence of another document needs this share.

    Returns:
        Rows, best first; at least one where there are any.
    """
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return order
    best, home = float(scores[order[0]]), owners[order[0]]
    shares = np.array([within if owners[row] == home else elsewhere for row in order])
    needed = np.minimum(best, shares * best).astype(np.float32)  # a share of a negative score lies above it
    return order[scores[order] >= needed][:limit]


@dataclass(frozen=True, slots=True)
class MatchedSentences:
    """What was found for one question.

    Attributes:
        question: What was asked.
        score: Cosine of the question and the closest passage; None where no passage was found.
        shared: Largest share of the question's words that one passage holds, rare ones weighing more.
        sentences: S sentences of the passages.
        scores: (S,) how well each matches the question.
        answering: (S,) whether each states something that the question does not say itself; others are quoted only
            where there is none.
        flags: Id of a passage to what in it speaks to a model; passages without are left out.
    """

    question: str
    score: float | None
    shared: float
    sentences: Sequence[Passage]
    scores: Floats
    answering: npt.NDArray[np.bool_]
    flags: Mapping[str, tuple[str, ...]]


def quote_answer(found: MatchedSentences, documents: Mapping[int, Document], config: Extractive) -> Answer:
    """Quote the sentences that answer best, each wording once; whether they do answer is not decided here.

    Args:
        found: The question and what was found for it.
        documents: Document of each row a sentence names.
        config: How many sentences, and how close to the best.
    """
    cited = () if found.score is None else tuple(_quote(found, documents, config))
    what = "no passage was found" if found.score is None else "the passages found contain no sentence"
    return Answer(
        question=found.question,
        text=" ".join(f"{c.sentence} [{number}]" for number, c in enumerate(cited, start=1)),
        citations=cited,
        abstained="" if cited else f"no answer in this collection: {what}",
        score=found.score,
        threshold=-1.0,
        shared=found.shared,
        flagged=len(found.flags),
        notes=() if not cited or found.answering.any() else (FRAGMENTS,),
    )


def withhold(answer: Answer, threshold: Threshold) -> Answer:
    """Take an answer back if its score or probability lies below the threshold, and say why."""
    stated: dict[str, Any] = threshold.stated()
    if answer.score is None:
        return answer.model_copy(update=stated)
    probability = threshold.probability(answer.score, answer.shared)
    stated["probability"] = probability
    value, what = (answer.score, "the closest passage scores") if probability is None else (
        probability, "the probability of an answer is"
    )  # fmt: skip
    if answer.abstained or threshold.answers(answer.score, answer.shared):
        return answer.model_copy(update=stated)
    reason = f"no answer in this collection: {what} {value:.3f}, below {threshold.below:.3f}"
    return answer.model_copy(update={**stated, "text": "", "citations": (), "notes": (), "abstained": reason})


def _quote(found: MatchedSentences, documents: Mapping[int, Document], config: Extractive) -> Iterator[Citation]:
    first: dict[str, int] = {}
    order = np.argsort(-found.scores, kind="stable")
    for row in order[found.answering[order]] if found.answering.any() else order:
        first.setdefault(" ".join(found.sentences[row].text.split()).lower(), int(row))
    rows = np.array(list(first.values()), dtype=np.int64)
    owners = [found.sentences[row].document for row in rows]
    for row in rows[
        choose(found.scores[rows], owners, limit=config.sentences, within=config.within, elsewhere=config.elsewhere)
    ]:
        sentence = found.sentences[row]
        flags = found.flags.get(passage_of(sentence), ())
        yield _cite(sentence, documents[sentence.row], float(found.scores[row]), flags)


def _cite(sentence: Passage, document: Document, score: float, flags: tuple[str, ...]) -> Citation:
    """Say where a sentence stands."""
    return Citation(
        sentence=" ".join(sentence.text.split()),
        document=document.id,
        title=document.title,
        path=document.path_of(document.first_letter(sentence.start)),
        line=document.line_of(document.first_letter(sentence.start)),
        start=sentence.start,
        end=sentence.end,
        score=round(score, 4),
        flagged=flags,
    )
