"""Find orders to a language model in a text, in the languages of `instruction_words`, however their letters look.

Letters are compared by what they look like, so that an order in Latin letters with a few of Cyrillic is read as one;
letters with blanks between are joined; digits that stand for letters are read as those.
Source: look-alikes are those of Unicode's UTS #39, by the library confusable-homoglyphs.
"""

import functools
import re
import unicodedata
from collections.abc import Callable, Sequence

import regex

from tasks.text.instruction_words import AFTER, LANGUAGES, RULES, SCRIPTS, UNSPACED

INVISIBLE = re.compile(
    r"[\u00ad\u180e\u200b-\u200f\u2060-\u2064\u2066-\u2069\u202a-\u202e\ufeff\U000e0000-\U000e007f]"
)
QUOTES = re.compile(r"[*_`\"\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d]")
MARKS = regex.compile(r"\p{Mn}+")
MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[^\W\d_a-zA-Z])\w+")
SENTENCE = re.compile(r"(?<=[.!?\u061f])\s+|(?<=[\u3002\uff01\uff1f\u0964])")
SPACED = re.compile(r"(?<!\w)[^\W_](?:[ .\-_*|/]{1,4}[^\W_](?!\w)){7,}")
LEET = re.compile(r"\b(?=\w*[a-z])\w*[013457]\w*|(?:\b\w+)?[@$]\w+")
DIGITS = str.maketrans("013457@$", "oieastas")
LONGEST = 40  # letters of a word that are looked at
PIECE = 240  # letters of a sentence looked through at once
NEAR = 70  # letters from the first part of a rule, before and behind it, within which the others stand
FAR = {"address": PIECE, "model": PIECE, "trigger": PIECE}  # of rules with another reach, by their first part
FORWARD = "model"  # who is told what stands before what it is told, where words are spaced
BEGIN = {  # parts that are an order only where a clause begins
    (
        "en",
        part,
    ): r"(?:^|[.,;:!?(>\u2014-] ?|\b(?:piease|now|then|just|instead|and|you(?: must| should| shaii| wiii| have to"
    r"| need to| are to)?|from now on|i want you to|you to) )"
    for part in ("drop", "persona")
}

WORD = re.compile(r"\w+")

Parts = dict[str, re.Pattern[str]]
Rules = tuple[tuple[str, ...], ...]


def gives_orders(text: str) -> bool:
    """Whether a text holds an order to a language model."""
    if not text.strip():
        return False
    bare = bare_of(text)
    folded = fold(bare)
    languages = [name for name in LANGUAGES if SCRIPTS[name].search(bare)]
    texts = [folded]
    if (read := LEET.sub(lambda match: match.group().translate(DIGITS), folded)) != folded:
        texts.append(fold(read))
    if any(_ordered(one, name) for one in texts for name in languages):
        return True
    run = " ".join(re.sub(r"\W", "", match.group()) for match in SPACED.finditer(folded))
    joined = (_parts(name, joined=True) for name in languages) if run else ()
    return any(all(name in parts and parts[name].search(run) for name in rule) for parts in joined for rule in RULES)


def bare_of(text: str) -> str:
    """Return a text without invisible characters, and compatible forms made one."""
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text))


def fold(text: str) -> str:
    """Return a text in small letters that stand for all that look like them, without marks or quotation marks."""
    small, capital = _look_alikes()
    plain = MARKS.sub("", unicodedata.normalize("NFD", text))
    told = MIXED.sub(lambda match: match.group().translate(capital), unicodedata.normalize("NFC", plain))
    said = QUOTES.sub("", MARKS.sub("", told.lower().translate(small))).replace("\u2019", "'")
    return " ".join(said.replace("l", "i").split())


@functools.cache
def _look_alikes() -> tuple[dict[int, str], dict[int, str]]:
    """Return what letters other than ASCII look like: small ones, and capitals."""
    from confusable_homoglyphs.confusables import confusables_data

    small, capital = {}, {}
    for letter, others in confusables_data.items():
        if len(letter) != 1 or letter.isascii() or not letter.isalpha():
            continue
        latin = [one["c"] for one in others if len(one["c"]) == 1 and one["c"].isascii() and one["c"].isalpha()]
        if not latin:
            continue
        if letter.isupper():
            capital[ord(letter)] = next((c for c in latin if c.isupper()), latin[0]).lower()
        else:
            small[ord(letter)] = next((c for c in latin if c.islower()), latin[0].lower())
    return small, capital


def _pieces(folded: str) -> list[str]:
    """Cut a text into sentences, and long ones into pieces that overlap by half."""
    found: list[str] = []
    for sentence in SENTENCE.split(folded):
        last = max(1, len(sentence) - PIECE // 2)
        found += [sentence[start : start + PIECE] for start in range(0, last, PIECE // 2)]
    return found


def _ordered(folded: str, language: str) -> bool:
    """Whether a sentence has all parts of a rule; a text without their words is not cut into sentences."""
    if not _possible(folded, language):
        return False
    return any(_holds(piece, rule, language) for piece in _pieces(folded) for rule in _possible(piece, language))


def _holds(piece: str, rule: Sequence[str], language: str) -> bool:
    first, *others = rule
    parts, near = _parts(language), FAR.get(first, NEAR)
    forward = first == FORWARD and language not in UNSPACED
    for match in parts[first].finditer(piece):
        around = piece[match.end() if forward else max(0, match.start() - near) : match.end() + near]
        if all(parts[name].search(around) for name in others):
            return True
    return False


def _possible(folded: str, language: str) -> Rules:
    """Return the rules of whose parts a text has words: looking for whole parts takes a hundred times as long."""
    begun = _begun(folded)
    keys = _keys(language)
    return tuple(rule for rule in RULES if all(name in keys and keys[name](folded, begun) for name in rule))


@functools.lru_cache(maxsize=64)
def _begun(folded: str) -> frozenset[str]:
    """Return the words of a text, whole and cut behind every letter."""
    return frozenset(word[:end] for word in set(WORD.findall(folded)) for end in range(1, min(len(word), LONGEST) + 1))


@functools.cache
def _keys(language: str) -> dict[str, Callable[[str, frozenset[str]], bool]]:
    """Return what tells whether a text may hold a part: the longest word of one of its wordings, or its letters."""

    def of(wordings: str) -> Callable[[str, frozenset[str]], bool]:
        entries = wordings.split("|")
        longest = {max(WORD.findall(fold(re.sub(r"[~*]", " ", one))), key=len) for one in entries}
        if language in UNSPACED or any(one.startswith("*") for one in entries):
            return lambda folded, _: any(word in folded for word in longest)
        return lambda _, begun: not begun.isdisjoint(longest)

    return {name: of(wordings) for name, wordings in LANGUAGES[language].items()}


@functools.cache
def _parts(language: str, *, joined: bool = False) -> Parts:
    """Return what finds the parts of an order in a language; joined: in letters that had blanks between."""
    return {
        name: re.compile("|".join(_pattern(entry, language, name, joined) for entry in wordings.split("|")))
        for name, wordings in LANGUAGES[language].items()
    }


def _pattern(entry: str, language: str, part: str, joined: bool) -> str:
    pieces = re.split(r"( ?~ ?|\*)", entry)
    if joined:
        return "".join(".{0,20}?" if "~" in piece else "".join(re.findall(r"\w", fold(piece))) for piece in pieces)
    unspaced = language in UNSPACED and not entry.isascii()
    gaps = {"~": r".{0,12}?" if unspaced else r"(?:\W+[\w']+){0,4}?\W+", "*": "" if unspaced else r"\w*"}
    told = "".join(gaps[piece.strip()] if piece.strip() in gaps else _spelt(piece) for piece in pieces)
    if unspaced:
        return told
    before = "".join(rf"(?<!\b{fold(word)} )" for word in AFTER.get(language, ()) if part == "drop")
    begin = BEGIN.get((language, part), "")
    return rf"{begin}(?<!\w){before}{told}" + (r"(?!\w)" if re.search(r"\w\*?$", entry) else "")


def _spelt(piece: str) -> str:
    """Return what finds words; a blank before or after them is one between words."""
    told = r"\W{1,3}".join(map(re.escape, fold(piece).split()))
    between = r"\W{1,3}"
    return (between if piece[:1] == " " else "") + told + (between if piece.strip() and piece[-1:] == " " else "")
