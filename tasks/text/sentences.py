"""Text arithmetic that everything shares: what may be read, and where sentences end. The only implementations."""

import re
import unicodedata
from typing import Any

from tasks.data.documents import Reason
from tasks.text.abbreviations import THAI_GOES_ON, THAI_LEADS, goes_on
from tasks.text.scripts import compounds

SURROGATE = re.compile("[\ud800-\udfff]")
QUOTES = (
    "\"'\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u00ab\u00bb\u05f4"  # open in one language, close in another
)
CLOSED = "\u201d\u2019\u00bb)\\]}\u300d\u300f\u3009\u300b\u3011\uff09\uff3d"
OPENING = rf"(?:[{QUOTES}(\[`\u00bf\u00a1\u300c\u300e\u3008\u300a\u3010\uff08]|\u00ab\s|\*\*|[\u2013\u2014]\s?)*"
CITED = (
    r"[\[\uff3b\u3010]\d{1,4}(?:\s*[,;\u2013-]\s*\d{1,4})*[\]\uff3d\u3011]"  # a mark of citation: [1], [1, 3], 【1】
)
# Full stops and the like that end a sentence with or without a blank after them: of Chinese and Japanese, Arabic,
# Urdu, of Indic scripts, Armenian, Ethiopic, Khmer, Burmese, Mongolian, Sinhala, Tibetan; and double question marks.
FULL = (
    "\u3002\uff01\uff1f\uff61\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u1368\u17d4\u17d5\u104b\u1803\u1809\u0df4"
    "\u0f0d\u0f0e\u203d\u203c\u2047\u2048\u2049"
)
END_MARKS = rf".!?\u2026\uff0e\u037e{FULL}"
CAPITAL = rf"(?={OPENING}([^\W_a-z]))"  # or a digit, or a letter of a script without capitals
SENTENCE_END = re.compile(
    rf"[{END_MARKS};](?:"
    rf"(?:[{QUOTES}{CLOSED}]|\*\*|\s[\u00bb\u203a](?=\s))*(?:{CITED})*(?=\s++{OPENING}([^\W_a-z]))"
    rf"|(?<=[{FULL}])[{END_MARKS}]{{0,4}}[\"'{CLOSED}]*(?:{CITED})*(?={OPENING}([^\W_]))"
    rf"|(?:[{CLOSED}](?:{CITED})+|[\u201d\u2019\u00bb]|(?:{CITED})+){CAPITAL}"
    rf"|(?<=[^\x00-\x7f][.!?\u2026])[.!?\u2026]{{0,4}}(?={OPENING}([^\W_\x00-\x7f]))"
    r")"
)
THAI = "\u0e01-\u0e30\u0e40-\u0e46\u0e81-\u0eb0\u0ec0-\u0ec6"  # letters of Thai and Lao
THAI_BLANK = re.compile(rf"[\u0e00-\u0eff][{QUOTES}{CLOSED}]*(?:\s?{CITED})*[ \t\u00a0]+(?={OPENING}([{THAI}]))")
THAI_PHRASE = 8  # characters; a shorter one between blanks is an item of a list or a name
LONGEST_RUN = 200  # characters without a blank; more is data, base64 above all, and no part of a sentence
RUN = re.compile(rf"[!-~]{{{LONGEST_RUN},}}")
BLOCK_START = re.compile(r"\n(?=[ \t]*\n|[ \t]*(?:[-*+\u2022]|\d+[.)]|>>>|#{1,6}|\.\.)\s|[ \t]*\*{0,2}\w+\*{0,2} : )")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[a-z]*")
UNDERLINE = re.compile(r"\n[ \t]*[-=~^]{3,}[ \t]*(?:\n|$)")


def unfit(text: str) -> tuple[Reason, str] | None:
    """Say why a text cannot be read, or return None where it can."""
    if "\x00" in text:
        return "binary", f"holds a NUL byte at character {text.index(chr(0))}"
    if (half := SURROGATE.search(text)) is not None:
        return "lone-surrogate", f"holds half a character (a lone surrogate) at character {half.start()}"
    if not any(_is_visible(c) for c in text):
        return "empty", "has no visible character"
    return None


def _is_visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in ("Cf", "Cc", "Mn", "Zs")


def sentences(text: str) -> list[tuple[int, int]]:
    """Cut a text of any language into sentences and blocks.

    A blank line, a list mark, a heading's underline, a doctest prompt or a definition (`name : type`) ends a unit as a
    full stop does, and so does a long run without blanks, such as base64; a full stop after an abbreviation, an
    ordinal or inside a number does not. Thai and Lao have no full stops: a blank between longer phrases ends one.

    Returns:
        Spans in order; they touch, and together cover the text.
    """
    ends = {len(text)}
    ends.update(m.end() for m in SENTENCE_END.finditer(text) if _ends(text, m))
    ends.update(m.end() for m in BLOCK_START.finditer(text))
    ends.update(m.end() for m in UNDERLINE.finditer(text))
    if not text.isascii():
        ends.update(m.end() for m in THAI_BLANK.finditer(text) if _parts_phrases(text, m))
    half = LONGEST_RUN // 2  # any run so long fills one stretch of half its length
    stretches = (text[at : at + half] for at in range(0, len(text) - half, half))
    if any(" " not in stretch and "\n" not in stretch for stretch in stretches):
        ends.update(end for run in RUN.finditer(text) for end in run.span())
    spans: list[tuple[int, int]] = []
    start = seen = 0
    for end in sorted(ends):
        if text[seen:end].strip():  # what lies between start and seen is blank
            spans.append((start, end))
            start = end
        seen = end
    if spans and start < len(text):  # blank tail
        spans[-1] = (spans[-1][0], len(text))
    return spans


def _ends(text: str, found: re.Match[str]) -> bool:
    """Return whether a sentence ends at a mark before a capital, a digit or a letter that has no case."""
    mark, after = text[found.start()], found.start(found.lastindex or 0)
    if text[after].islower():
        return False
    if mark in ".\uff0e":
        return not goes_on(text, found.start(), after)
    if mark in ";\u037e":  # the question mark of Greek
        return "\u0370" <= text[found.start() - 1 : found.start()] <= "\u1fff"
    return not (text[found.end() - 1] in "\u300d\u300f" and text[after] in "\u3068\u3063")  # goes on in Japanese


def _parts_phrases(text: str, found: re.Match[str]) -> bool:
    """Return whether a blank in Thai or Lao ends a sentence: no phrase beside it is short, or joined to the other."""
    before = re.sub(CITED, " ", text[max(0, found.start() - 4 * THAI_PHRASE) : found.end()]).split()
    after = text[found.start(1) : found.start(1) + THAI_PHRASE]
    long = len(before[-1]) >= THAI_PHRASE or (len(before) > 1 and before[-2][-1].isdigit())  # `390 baht`
    joined = before[-1].rstrip(QUOTES).endswith(THAI_LEADS) or after.startswith(THAI_GOES_ON)
    return long and not joined and len(after.split()[0]) == THAI_PHRASE


def words(text: str) -> list[str]:
    """Cut a text into lower-case search terms.

    A compound such as `sklearn.preprocessing`, `read_csv`, `StandardScaler` or `E-42` gives itself and its parts, so
    that an exact name is found as a whole and a plain word inside it too. Scripts without blanks
    give pairs of letters.
    """
    terms: list[str] = []
    for whole in compounds(unicodedata.normalize("NFKC", text)):
        chunks = re.split(r"[._'\u2019-]", whole)
        parts = [p.lower() for chunk in chunks for p in (PART.findall(chunk) if chunk.isascii() else [chunk])]
        terms.append(whole.lower())
        if len(parts) > 1:
            terms += [part for part in parts if len(part) > 1]
    return terms


def byte_characters() -> dict[int, str]:
    """Return the character that stands for each byte in a byte-level vocabulary, in GPT-2's order."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(rest)}


def spreadsheet(table: Any) -> Any:
    """Return a table whose words a spreadsheet takes for words: what begins like a formula gets a quote before it.

    Args:
        table: An Arrow table; lists of words become words with `;` between.
    """
    import pyarrow as pa

    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        words = pa.types.is_string(column.type) or pa.types.is_list(column.type)
        columns[name] = pa.array([_word(value) for value in column.to_pylist()], pa.string()) if words else column
    return pa.table(columns)


def _word(value: Any) -> str:
    text = ";".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
