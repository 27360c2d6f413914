"""Questions to calibrate a collection by where its user gave none: some it answers, and some about other subjects.

A question it answers is made of a sentence of its own, half of whose words are left out: with an encoder of English
such questions lie as near to their passage as people's do, a little further (docs/experiments.md). Questions about
other subjects are shipped, in a few languages; some collections answer a few of them.
"""

import random
from collections.abc import Sequence

from tasks.data.documents import Passage
from tasks.data.evaluation import Question
from tasks.text.sentences import sentences

MADE, FOREIGN = "made", "foreign"  # splits of questions that no file holds
DRAWN = 150  # sentences
LOOKED_AT = 1_000  # passages at most
CHARACTERS = 40, 250  # of a sentence
WORDS = 6  # of a sentence, at least
SHARE = 0.5  # of its words that are asked for


def made_questions(passages: Sequence[Passage], seed: int) -> list[Question]:
    """Return at most 150 questions, one of each passage before a second of any.

    Args:
        passages: Any number.
        seed: Same seed, same questions.
    """
    draw = random.Random(seed)
    fit: list[tuple[int, str, str]] = []  # how many of its passage came before, document, sentence
    for passage in draw.sample(passages, len(passages)):
        texts = [text for text in _sentences_of(passage.text) if len(_units(text)) >= WORDS]
        fit += [(n, passage.document, text) for n, text in enumerate(draw.sample(texts, len(texts)))]
    chosen = sorted(fit, key=lambda one: one[0])[:DRAWN]
    return [
        Question(f"{MADE}-{number}", _thinned(text, draw), (document,), MADE)
        for number, (_, document, text) in enumerate(chosen, start=1)
    ]


def foreign_questions(texts: Sequence[str]) -> list[Question]:
    """Return questions that a collection does not answer, of their texts."""
    return [Question(f"{FOREIGN}-{number}", text, (), FOREIGN) for number, text in enumerate(texts, start=1)]


def _sentences_of(text: str) -> list[str]:
    least, most = CHARACTERS
    found = (" ".join(text[start:end].split()) for start, end in sentences(text))
    return [one for one in found if least <= len(one) <= most or (" " not in one and least // 3 <= len(one) <= most)]


def _units(text: str) -> list[str]:
    """Return the words of a sentence; the letters of one without blanks."""
    words = text.split()
    return words if len(words) > 1 else list(text)


def _thinned(text: str, draw: random.Random) -> str:
    """Return a sentence without half its words; without half of it in one piece where it has no blanks."""
    units = _units(text)
    count = max(2, round(SHARE * len(units)))
    if " " not in text:
        start = draw.randrange(len(units) - count + 1)
        return "".join(units[start : start + count])
    return " ".join(units[n] for n in sorted(draw.sample(range(len(units)), count)))
