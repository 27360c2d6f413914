"""What a word is in any script: letters with their marks; of scripts without blanks, two characters side by side.

Chinese, Japanese, Thai, Lao, Khmer and Burmese write no blanks between words. A run of their letters gives every two
neighbours, a letter with its marks being one, so that a word of two letters is found wherever it stands.
Source: letters and marks are Unicode's, characters with their marks those of UAX #29, by the library regex; pairs are
the bigrams of Lucene's CJKAnalyzer.
"""

import re
import unicodedata
from itertools import pairwise

import regex

# Letters and their marks; digits and punctuation of these scripts are left out.
UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}"
    "\u30fc\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3\u17d7\u17dc\u17dd"
)
# Only texts with one of these have marks or scripts without blanks; others are cut by `re`, which is faster.
OTHER = re.compile("[\u0300-\u036f\u0483-\u0489\u0591-\u1fff\u20d0-\u20ff\u2c00-\u2dff\u2e80-\U0010ffff]")
JOINERS = dict.fromkeys((0x200C, 0x200D))  # shape letters, as in Persian; a word is the same with and without
LETTER = rf"[[\p{{L}}\p{{N}}]--[{UNSPACED}]]"
MARKED = rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{UNSPACED}]]"
RUN = rf"[{UNSPACED}][{UNSPACED}\p{{M}}]*"
COMPOUND = re.compile(r"[^\W_]+(?:[._'\u2019-][^\W_]+)*")
OTHER_COMPOUND = regex.compile(rf"{LETTER}{MARKED}*(?:[._'\u2019-]{LETTER}{MARKED}*)*|{RUN}", regex.V1)
TOKEN = re.compile(r"\w+")
OTHER_TOKEN = regex.compile(rf"(?:{LETTER}|_)(?:{MARKED}|_)*|{RUN}", regex.V1)
OTHER_LETTERS = regex.compile(r"[\p{L}\p{M}\p{Nl}\p{No}]+")
UNSPACED_RUN = regex.compile(RUN)
LONE_MARKS = regex.compile(r"(?<![\p{L}\p{N}\p{M}_])\p{M}+")  # of no letter
CHARACTER = regex.compile(r"\X")
NAME = regex.compile(r"\b\p{Lu}[\w'\u2019-]*[\p{Ll}\d][\w'\u2019-]*|\b\p{Lu}{2,}\b")
INFLECTED = 0x370  # scripts from Greek on; Slavic and Greek names end differently in other cases


def pairs(run: str) -> list[str]:
    """Return every two neighbours of a run of characters without blanks, one alone as it is."""
    characters = CHARACTER.findall(run)
    return [one + other for one, other in pairwise(characters)] or [run]


def compounds(text: str) -> list[str]:
    """Return the words of a text as they are written; signs may join parts, as in `read_csv` or `don't`."""
    return _found(text, COMPOUND, OTHER_COMPOUND)


def tokens(text: str) -> list[str]:
    """Return runs of letters, digits and underscores as they are written."""
    return _found(text, TOKEN, OTHER_TOKEN)


def letter_words(text: str, least: int) -> list[str]:
    """Return the words that are of letters alone and have so many at least; pairs of scripts without blanks, any."""
    if OTHER.search(text) is None:
        return re.findall(rf"\b[^\W\d_]{{{least},}}\b", text)
    words = (word for word in tokens(text) if len(word) > 1 and OTHER_LETTERS.fullmatch(word))
    return [word for word in words if len(word) >= least or UNSPACED_RUN.match(word)]


def spaced(text: str) -> str:
    """Return a text whose scripts without blanks stand as pairs with blanks between, so that blanks part all words."""
    if OTHER.search(text) is None:
        return text
    composed = LONE_MARKS.sub(" ", unicodedata.normalize("NFC", text).translate(JOINERS))
    return str(UNSPACED_RUN.sub(lambda run: f" {' '.join(pairs(run.group()))} ", composed))


def names(sentence: str) -> list[str]:
    """Return the words of a sentence that begin with a capital, but for its first; a possessive is cut off."""
    first = TOKEN.search(sentence)
    found = (match for match in NAME.finditer(sentence) if first is not None and match.start() > first.start())
    return [re.sub("['\u2019]s$", "", match.group()) for match in found]


def holds_name(folded: str, name: str) -> bool:
    """Return whether a case-folded text holds a name, of Greek and Cyrillic ones whatever their last two letters."""
    kept = name if ord(name[0]) < INFLECTED else name[: max(3, len(name) - 2)]
    return kept.casefold() in folded


def _found(text: str, pattern: re.Pattern[str], other: "regex.Pattern[str]") -> list[str]:
    if OTHER.search(text) is None:
        return pattern.findall(text)
    found: list[str] = []
    for word in other.findall(unicodedata.normalize("NFC", text).translate(JOINERS)):
        found += pairs(word) if UNSPACED_RUN.match(word) else [word]
    return found
