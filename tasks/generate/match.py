"""Score sentences as answers: by meaning, words, what stands around them, and what kind of answer is asked for.

Shapes: S sentences, D width.
Source: ours; the weights were chosen on half of the questions of `tests/bench/quotes.jsonl` and of XQuAD.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.data.documents import Passage
from tasks.generate.answer_types import answer_types, gives, question_words
from tasks.generate.extract import passage_of, rarity, share_of

Floats = npt.NDArray[np.float32]
BESIDE, ABOVE = 0.3, 1.5  # cosine of a neighbour, against its own; words of what stands above, against its own
TYPED, FRESH, ENOUGH = 0.4, 0.2, 4  # a kind of answer that is asked for; words that the question lacks, up to so many


@dataclass(frozen=True, slots=True)
class ReadSentences:
    """Sentences that were read for one question.

    Attributes:
        rows: S sentences, headings and entries among them.
        words: Search terms of each.
        stated: (S,) whether each states something.
        cosines: (S,) of the question with each.
        near: (S,) of the question with its passage.
    """

    rows: Sequence[Passage]
    words: Sequence[Set[str]]
    stated: npt.NDArray[np.bool_]
    cosines: Floats
    near: Floats


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around S sentences: cosines of those before and after, and what heading or question is above.

    Attributes:
        before: (S,) cosine of the sentence before; its own where there is none.
        after: (S,) of that after.
        above: (S,) the largest cosine of its own and of the headings, entries and questions it follows.
        shared: (S,) the largest share of the question's words of these.
    """

    before: Floats
    after: Floats
    above: Floats
    shared: Floats


def match_sentences(
    question: str, asked: Set[str], read: ReadSentences, owners: Mapping[str, Set[str]], words: float
) -> Floats:
    """Score sentences: a sentence leans on its passage, its neighbours and its heading, and gives what is asked for.

    Args:
        question: What was asked.
        asked: Search terms of it.
        read: S sentences.
        owners: Search terms of each passage, by id.
        words: What shared words count for, against the cosine.

    Returns:
        (S,) at most 1.
    """
    weights = rarity(asked, read.words)
    of_passage = {name: share_of(weights, held) for name, held in owners.items()}
    shared = np.array([share_of(weights, text) for text in read.words], dtype=np.float32)
    around = np.array([of_passage[passage_of(row)] for row in read.rows], dtype=np.float32)
    context = surroundings(read, shared)
    kinds, known = answer_types(question), question_words(question)
    typed = np.array(
        [bool(kinds) and gives(" ".join(row.text.split()), kinds, known) for row in read.rows], np.float32
    )
    fresh = np.array([min(1.0, len(text - asked) / ENOUGH) for text in read.words], dtype=np.float32)
    meaning = read.cosines + read.near + BESIDE * (context.before + context.after + context.above)
    summed = meaning + words * (shared + around + ABOVE * context.shared) + TYPED * typed + FRESH * fresh
    return np.asarray(summed / (2 + 3 * BESIDE + (2 + ABOVE) * words + TYPED + FRESH), dtype=np.float32)


def surroundings(read: ReadSentences, shared: Floats) -> Surroundings:
    """Return what stands around each sentence, in its document and among those that were read.

    Args:
        read: S sentences.
        shared: (S,) share of the question's words that each holds.
    """
    before, after, above, words = read.cosines.copy(), read.cosines.copy(), read.cosines.copy(), shared.copy()
    order = sorted(range(len(read.rows)), key=lambda row: (read.rows[row].row, read.rows[row].start))
    heads: list[int] = []
    last: int | None = None
    for row in order:
        if last is not None and read.rows[last].row != read.rows[row].row:
            last, heads = None, []
        if last is not None:
            before[row], after[last] = read.cosines[last], read.cosines[row]
        if read.stated[row] and heads:
            above[row] = max(above[row], *read.cosines[heads])
            words[row] = max(words[row], *shared[heads])
        elif not read.stated[row]:
            heads = [*heads, row] if last is not None and not read.stated[last] else [row]
        last = row
    return Surroundings(before, after, above, words)
