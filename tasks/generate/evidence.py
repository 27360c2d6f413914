"""Gather what was found for a question: cosines, words in common, and what is flagged.

Shapes: S sentences, D width.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
import numpy.typing as npt

from configs.generate import Extractive
from tasks.data.documents import Document, Passage
from tasks.generate.assertions import asks, asserts, ends_sentences
from tasks.generate.extract import MatchedSentences, passage_of, rarity, share_of
from tasks.generate.match import ReadSentences, match_sentences
from tasks.text.injection import bursts, flags_of
from tasks.text.terms import terms

Floats = npt.NDArray[np.float32]
Languages = Sequence[str]
Signals = tuple[float, float]
NEAR = 40  # letters before a sentence
ALIKE, AT_LEAST = 0.5, 3  # of runs of three words in common; documents that say the same


class Evidence:
    """Passages read for many questions, and their sentences: each is cut into words and looked through once."""

    def __init__(
        self,
        passages: Mapping[int, Passage],
        documents: Mapping[int, Document],
        sentences: Sequence[Passage],
        vectors: Floats,
        languages: Languages,
    ) -> None:
        self.languages = languages
        self.passages = passages
        self.sentences = sentences
        self.vectors = vectors
        self.words = {p.id: frozenset(terms(p.indexed, languages)) for p in passages.values()}
        self.said = [frozenset(terms(s.text, languages)) for s in sentences]
        written = {row: ends_sentences(document.text) for row, document in documents.items()}
        self.stated = np.array(
            [asserts(s.text, written[s.row], asks(_before(s, documents))) for s in sentences], dtype=bool
        )
        self.flags = {p.id: flags_about(p, documents[p.row]) for p in passages.values()}
        self.rows: dict[str, list[int]] = {p.id: [] for p in passages.values()}
        for row, sentence in enumerate(sentences):
            self.rows.setdefault(passage_of(sentence), []).append(row)

    def of(self, question: str, vector: Floats, cosines: Mapping[int, float], config: Extractive) -> MatchedSentences:
        """Return what was found for one question.

        Args:
            question: What was asked.
            vector: (D,) of it.
            cosines: Rows of the passages read for it, and the cosine of each with it.
            config: What shared words count for.
        """
        asked = frozenset(terms(question, self.languages))
        read = {self.passages[row].id: cosine for row, cosine in cosines.items()}
        mine = [row for name in read for row in self.rows[name]]
        near = np.array([read[passage_of(self.sentences[row])] for row in mine], dtype=np.float32)
        rows, said = [self.sentences[row] for row in mine], [self.said[row] for row in mine]
        seen = ReadSentences(rows, said, self.stated[mine], self.vectors[mine] @ vector, near)
        held = {name: self.words[name] for name in read}
        new = np.array([not text <= asked for text in said], dtype=bool)
        return MatchedSentences(
            question=question,
            score=max(read.values(), default=None),
            shared=share_held(asked, [self.words[name] for name in read]),
            sentences=rows,
            scores=match_sentences(question, asked, seen, held, config.words),
            answering=seen.stated & new,
            flags=self._flagged([self.passages[row] for row in cosines]),
        )

    def _flagged(self, read: Sequence[Passage]) -> dict[str, tuple[str, ...]]:
        """Return the flags of the passages that have one; `burst` marks those of which there are several alike."""
        alike = bursts([p.text for p in read], [p.document for p in read], alike=ALIKE, at_least=AT_LEAST)
        flags = {p.id: self.flags[p.id] + (("burst",) if number in alike else ()) for number, p in enumerate(read)}
        return {name: found for name, found in flags.items() if found}


def _before(sentence: Passage, documents: Mapping[int, Document]) -> str:
    """Return the end of the line before a sentence in its document; nothing after an empty line."""
    before = documents[sentence.row].text[max(0, sentence.start - NEAR) : sentence.start]
    lead = len(sentence.text) - len(sentence.text.lstrip())
    return "" if (before[len(before.rstrip()) :] + sentence.text[:lead]).count("\n") > 1 else before.rstrip()


def share_held(asked: Set[str], texts: Sequence[Set[str]]) -> float:
    """Return the largest share of a question's words that one text holds, the rarer weighing more; 0 without words."""
    weights = rarity(asked, texts)
    return max((share_of(weights, text) for text in texts), default=0.0)


def signals(question: str, passages: Iterable[Passage], cosines: Iterable[float], languages: Languages) -> Signals:
    """Return what tells whether a question is answered: its closest passage's cosine, and the words one shares.

    Args:
        question: What was asked.
        passages: Those read for it, one at least.
        cosines: Of each with the question.
        languages: Whose stop words do not count.
    """
    asked = frozenset(terms(question, languages))
    return max(cosines), share_held(asked, [frozenset(terms(p.indexed, languages)) for p in passages])


def signals_each(
    question: str, passages: Iterable[Passage], cosines: Iterable[float], languages: Languages
) -> list[Signals]:
    """Return the same of each passage by itself; how rare a word is, all of them tell.

    Args:
        question: What was asked.
        passages: Those found for it.
        cosines: Of each with the question.
        languages: Whose stop words do not count.
    """
    held = [frozenset(terms(p.indexed, languages)) for p in passages]
    weights = rarity(frozenset(terms(question, languages)), held)
    return [(cosine, share_of(weights, words)) for cosine, words in zip(cosines, held, strict=True)]


def flags_about(passage: Passage, document: Document) -> tuple[str, ...]:
    """Look through a passage and everything that is said about its document."""
    about = [document.title, document.path, document.id, *document.meta.values()]
    return flags_of("\n".join([passage.heading, passage.text, *about]))
