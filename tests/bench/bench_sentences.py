"""Where sentences end, in the languages of `sentences.txt`, and how fast they are cut.

The sentences were written for this project, with the traps of each language, by whoever wrote the rules: so the score
shows that a rule holds, and compares libraries on the same traps; it is no estimate for other texts. The splitter with
which it is compared is the one that knew English alone.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.ingest.python_docs import read_package
from tasks.text.sentences import BLOCK_START, UNDERLINE, sentences
from tests.bench.pairs import alternate, at_least, plain

UNSPACED = ("zh", "ja")
ROUNDS, LEAST, LEAST_OF_ONE, SHARE = 5, 0.95, 0.9, 0.5
ENGLISH_END = re.compile(r"[.!?][\"')\]]*(?=\s+[\"'(\[`]*[A-Z0-9])")
ENGLISH_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|al|Fig|Eq|Sec|No|Dr|Mr|Mrs|Ms|Prof|St|approx|resp|incl|Ref|Tab|pp|vol)|\b[A-Z])\.$"
)


def measure() -> list[dict[str, Any]]:
    """Score both splitters by language, and cut package documentation by both in turn."""
    ours = {language: f1(text, starts, sentence_starts(text)) for language, (text, starts) in labelled().items()}
    theirs = {name: f1(text, starts, _firsts(text, english(text))) for name, (text, starts) in labelled().items()}
    texts = [document.text for name in ("sklearn", "numpy") for document in read_package(name).names]
    cut: Callable[[Callable[[str], Any]], Any] = lambda by: [by(text) for text in texts]  # noqa: E731
    ours_s, theirs_s = alternate(lambda: cut(sentences), lambda: cut(english), ROUNDS)
    characters = sum(map(len, texts))
    return [
        at_least("mean F1 of the languages", sum(ours.values()) / len(ours), "", LEAST),
        at_least("least F1 of a language", min(ours.values()), "", LEAST_OF_ONE),
        plain("mean F1 of the splitter for English", sum(theirs.values()) / len(theirs), ""),
        *(plain(f"F1, {language}", score, "") for language, score in ours.items()),
        at_least("speed, of that of the splitter for English", theirs_s / ours_s, "times", SHARE),
        plain("speed", characters / ours_s / 1e6, "million characters/s"),
    ]


def labelled() -> dict[str, tuple[str, list[int]]]:
    """Return for each language a text, and where its sentences begin, but for the first."""
    found: dict[str, tuple[str, list[int]]] = {}
    for part in re.split(r"^## ", (Path(__file__).parent / "sentences.txt").read_text("utf-8"), flags=re.MULTILINE)[
        1:
    ]:
        language, *lines = part.splitlines()
        text, starts = "", []
        for line in filter(None, lines):
            starts += [len(text)] if text else []
            text += line.removesuffix("\\") + ("" if line.endswith("\\") or language in UNSPACED else " ")
        found[language] = (text.rstrip(), starts)
    return found


def sentence_starts(text: str) -> list[int]:
    """Return where sentences begin, but for the first."""
    return _firsts(text, (start for start, _ in sentences(text)))


def f1(text: str, wanted: list[int], found: list[int]) -> float:
    """Return the harmonic mean of precision and recall of beginnings."""
    return 2 * len({*wanted} & {*found}) / (len(wanted) + len(found)) if found else 0.0


def english(text: str) -> list[int]:
    """Return where the splitter for English cuts."""
    ends = {len(text)}
    ends.update(
        m.end()
        for m in ENGLISH_END.finditer(text)
        if not ENGLISH_ABBREVIATION.search(text, max(0, m.start() - 12), m.start() + 1)
    )
    ends.update(m.end() for pattern in (BLOCK_START, UNDERLINE) for m in pattern.finditer(text))
    starts, start, seen = [], 0, 0
    for end in sorted(ends):
        if text[seen:end].strip():
            starts.append(start)
            start = end
        seen = end
    return starts


def _firsts(text: str, starts: "list[int] | Iterator[int]") -> list[int]:
    """Return the first visible characters from those places on, but for the first of the text."""
    found = [len(text) - len(text[start:].lstrip()) for start in starts]
    return [start for start in found if 0 < start < len(text)]
