"""Text arithmetic that everything shares: what may be read, and where sentences end. The only implementations."""

import re
import unicodedata
from typing import Any

from tasks.data.documents import Reason

SURROGATE = re.compile("[\ud800-\udfff]")
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|al|Fig|Eq|Sec|No|Dr|Mr|Mrs|Ms|Prof|St|approx|resp|incl|Ref|Tab|pp|vol)|\b[A-Z])\.$"
)
SENTENCE_END = re.compile(r"[.!?][\"')\]]*(?=\s+[\"'(\[`]*[A-Z0-9])")
BLOCK_START = re.compile(r"\n(?=[ \t]*\n|[ \t]*(?:[-*+\u2022]|\d+[.)]|>>>|#{1,6}|\.\.)\s|[ \t]*\*{0,2}\w+\*{0,2} : )")
WORD = re.compile(r"[^\W_]+(?:[._'\u2019-][^\W_]+)*", re.UNICODE)
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
    """Cut a text into sentences and blocks.

    A blank line, a list mark, a heading's underline, a doctest prompt or a definition (`name : type`) ends a unit as a
    full stop does; a full stop after an abbreviation or inside a number does not.

    Returns:
        Spans in order; they touch, and together cover the text.
    """
    ends = {len(text)}
    ends.update(
        m.end()
        for m in SENTENCE_END.finditer(text)
        if not ABBREVIATION.search(text, max(0, m.start() - 12), m.start() + 1)
    )
    ends.update(m.end() for m in BLOCK_START.finditer(text))
    ends.update(m.end() for m in UNDERLINE.finditer(text))
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


def words(text: str) -> list[str]:
    """Cut a text into lower-case search terms.

    A compound such as `sklearn.preprocessing`, `read_csv`, `StandardScaler` or `E-42` gives itself and its parts, so
    that an exact name is found as a whole and a plain word inside it too.
    """
    terms: list[str] = []
    for match in WORD.finditer(unicodedata.normalize("NFKC", text)):
        whole = match.group()
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
