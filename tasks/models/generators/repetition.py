"""Tell that a reply is stuck: that it ends in the same words over and over, without any change.

Only whole periods that are repeated exactly count. Words that go round so long come from no writer: four times and
over 64 tokens, or three times and over 128. A refrain, a laugh or a list of alike lines is shorter or changes. Signs,
digits and code do go round, in the rule of a table, in a row of zeros or in empty cells, so they count from 128
repeats on.

Shapes: P units of a period; units are tokens, or words where the tokens of a text are not known.
Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", arXiv:1904.09751; the rule is ours.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tasks.data.messages import Reply

LONGEST = 128  # units of a period at most, a paragraph
ENOUGH = ((4, 64), (3, 128))  # times a period of words stands there, and units it covers, at least
REPEATS_OF_SIGNS = 128  # the same of signs, digits or code: longer than a rule across a page, at one token a sign
DISTINCT = 4  # one word in so many differs from all before it, else it is a row of `False`, not a sentence
PART = 4  # units that are compared at a time where a whole text is looked through
ENDS = (".", "!", "?", "\n", "\u3002", "\uff01", "\uff1f")  # the last three in Chinese and Japanese
HALF = "\ufffd"  # what is decoded for a character of which not all bytes are there
SPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # Japanese, Chinese, Korean: a character each, for want of spaces
UNIT = re.compile(rf"\n|[^\S\n]*(?:[{SPACED}]|[^\W{SPACED}]+|[^\w\s])")
WORD = re.compile(r"[^\W\d_]+")
SENTENCE = re.compile(r"[.!?](?:\s|$)|[\u3002\uff01\uff1f]")
PERIODS = np.arange(1, LONGEST + 1)
NEEDED = np.min([np.maximum(units, repeats * PERIODS) for repeats, units in ENOUGH], axis=0)  # units of a loop, by P
FOUND_BEFORE = int((NEEDED - PERIODS).min())  # units of any loop that equal the one a period before, at least


@dataclass(frozen=True, slots=True)
class Loop:
    """A run of units that repeats a period.

    Attributes:
        start: Where the first period begins.
        period: P.
    """

    start: int
    period: int

    def shown(self, text: Callable[[int], str]) -> str:
        """Return a text up to the end of the first repeat, so that a reader sees what goes round, and that it does.

        Args:
            text: Writes out so many units from the beginning.

        Returns:
            The text; it ends with the nearest end of a sentence or line where there is one, and within no character.
        """
        kept, about = self.start + 2 * self.period, range(1 - self.period, self.period)
        nearest = (text(kept + units) for units in sorted(about, key=abs))
        ended = next((some for some in nearest if some.rstrip(" ").endswith(ENDS)), None)
        after = (text(kept + units) for units in range(self.period))
        return ended or next((some for some in after if not some.endswith(HALF)), text(kept))


class Tail:
    """What a reply ends in, followed unit by unit; a step takes as long at the end as at the beginning."""

    def __init__(self, text: Callable[[Sequence[int]], str]) -> None:
        """Begin an empty reply; `text` writes units out."""
        self.text = text
        self.length = 0
        self.last = np.full(LONGEST, -1, dtype=np.int64)  # the newest first
        self.same = np.zeros(LONGEST, dtype=np.int64)  # units at the end that equal the one P before, by P

    def take(self, unit: int) -> Loop | None:
        """Add a unit, from 0 on; return the loop that the reply ends in, None where it ends in none."""
        self.same = np.where(self.last == unit, self.same + 1, 0)
        self.last[1:] = self.last[:-1].copy()
        self.last[0] = unit
        self.length += 1
        covered = self.same + PERIODS
        stuck = np.flatnonzero(covered >= NEEDED)
        if not len(stuck):
            return None
        period, length = int(PERIODS[stuck[0]]), int(covered[stuck[0]])
        if length < REPEATS_OF_SIGNS * period and not in_words(self.text(self.last[:period][::-1].tolist())):
            return None
        return Loop(self.length - length, period)


def in_words(text: str) -> bool:
    """Return whether a text is of words: most of what is visible are letters, and it is not one word over and over."""
    visible = [character for character in text if not character.isspace()]
    letters = sum(unicodedata.category(character)[0] in "LM" for character in visible)
    words = [word.casefold() for word in WORD.findall(text)]
    varied = DISTINCT * len(set(words)) >= len(words)
    if SENTENCE.search(text) and len(set(words)) > 1:  # of figures too: "18% of 2,350 is 423."
        return varied
    return 2 * letters > len(visible) and varied


def marked(reply: Reply, *, whole: bool) -> Reply:
    """Return a reply with the finish `repetition` where its words go round, whoever wrote it.

    Args:
        reply: As it came.
        whole: Whether its text stays as it is; else it ends with the first repeat, where it ends in the loop.
    """
    if reply.finish not in ("stop", "length"):
        return reply
    found = list(UNIT.finditer(reply.text))
    names: dict[str, int] = {}
    units = [names.setdefault(unit.group(), len(names)) for unit in found]
    if not _may_loop(units):
        return reply
    known = list(names)
    tail = Tail(lambda some: "".join(known[unit] for unit in some))
    loops = [tail.take(unit) for unit in units]
    if not any(loops):
        return reply
    last = None if whole else loops[-1]
    text = reply.text if last is None else last.shown(lambda count: reply.text[: found[count - 1].end()])
    return replace(reply, text=text, finish="repetition")


def _may_loop(units: Sequence[int]) -> bool:
    """Return whether so many parts of a text stand in it before as any loop has: a loop is found only where so."""
    parts = list(zip(*(units[n:] for n in range(PART)), strict=False))
    return len(parts) - len(set(parts)) >= FOUND_BEFORE - PART + 1
