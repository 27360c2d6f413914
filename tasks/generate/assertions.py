"""Tell sentences that state something from headings, entries, questions and fragments, by how they are written.

No word of any language is looked at: marks at the end, marks of lists and headings, and how a line is laid out.
Source: ours.
"""

import re

from tasks.text.scripts import letter_words
from tasks.text.sentences import CITED, CLOSED, END_MARKS, FULL, QUOTES

LEAST_ITEM = 6  # words; a shorter item of a list that ends without a full stop names a thing
ASKING = "?\u037e\u061f\uff1f\u2047\u2048\u2049\u1367\u2e2e"
OPEN = ":,;\uff1a\uff0c\uff1b\u3001\u060c\u061b\u2013\u2014-"  # more was to come
NOTE = r"\[[^\[\]\n]{1,40}\]|(?<=[.!?]):\d+(?:[:\u2013-]\d+)*"  # `[citation needed]`, and pages after a full stop
TAIL = re.compile(rf"(?:\s|[{QUOTES}{CLOSED}]|\*|{CITED}|{NOTE})+\Z")
STOP = re.compile(rf"[^\W\d_]{{2}}[{QUOTES}{CLOSED}]*[{END_MARKS}][{QUOTES}{CLOSED}]*(?:\s|\Z)|[{FULL}]")
END = re.compile(rf"[{END_MARKS}]")
CUT = re.compile(r"(?:\.{3}|\u2026)\Z")
HEADING = re.compile(r"[ \t]*#{1,6}[ \t]|[^\n]*\n[ \t]*[-=~^]{3,}[ \t]*\Z")
CELLS = re.compile(r"^[^\n]*\w[^\n\t]*\t+[^\n\t]*\w|^[ \t]*\|[^\n]*\w[^\n|]*\|[^\n|]*\w", re.MULTILINE)
PAIR = re.compile(r"^[ \t]*(?:[-*+\u2022][ \t]+)?\w[^:|\n]{0,58}[^\s:|]:[ \t]+(\S[^\n]*)", re.MULTILINE)
MOST_NAME = 4  # words of a value that is a name; longer ones without a figure are subtitles
ITEM = re.compile(r"[ \t]*(?:[-*+\u2022\u00b7\u2013]|\(?\w{1,3}[.)])[ \t]+")
ENTRY = re.compile(r"[ \t]*(?:[-*+\u2022][ \t]+)?[*`]{0,2}[\w.\-, /*`]{1,60}[*`]{0,2} : ")


def has_value(text: str) -> bool:
    """Return whether a line gives a name its value: a figure, or a few words that begin as a name does."""
    values = [match[1].strip() for match in PAIR.finditer(text)]
    return any(
        any(c.isdigit() for c in value) or (not value[0].islower() and len(value.split()) <= MOST_NAME)
        for value in values
    )


def asks(text: str) -> bool:
    """Return whether a text ends with a question."""
    return TAIL.sub("", text)[-1:] in tuple(ASKING)


def ends_sentences(text: str) -> bool:
    """Return whether sentences of a document end by a full stop or the like; those of Thai or of short rows do not."""
    return STOP.search(text) is not None


def asserts(text: str, stops: bool, replies: bool = False) -> bool:
    """Return whether a unit of a document states something.

    A heading, the first line of a parameter, what leads to a list, a short item of one, a question and what breaks off
    do not. A name with its value (`Warranty: 36 months`), rows of cells and what follows a question need no full stop.

    Args:
        text: As `sentences` cuts it.
        stops: Whether sentences of its document end by a full stop; if not, none is asked for.
        replies: Whether it follows a question.
    """
    unit = text.strip()
    bare = TAIL.sub("", unit)
    if not bare or bare[-1] in ASKING or bare[-1] in OPEN or CUT.search(bare) or HEADING.match(unit):
        return False
    ended = (
        not stops or END.match(bare[-1]) is not None or "\u0e00" <= bare[-1] <= "\u0eff"
    )  # Thai and Lao have no full stop
    if ENTRY.match(unit):
        return ended and bool(unit.partition("\n")[2].strip())  # what it is follows on the next line
    if replies or has_value(unit) or CELLS.search(unit):
        return True
    item = ITEM.match(unit)
    return ended or (item is not None and len(letter_words(unit[item.end() :], 1)) >= LEAST_ITEM)
