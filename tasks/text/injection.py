"""Flag text in documents that speaks to a model instead of a reader; it is shown, counted, and never acted on.

A flag is a hint, no defence: words can be put in other words. What defends is that a document is only ever quoted.
Source: ours; the attacks are those of Greshake et al. 2023, arXiv:2302.12173, and of PoisonedRAG, arXiv:2402.07867.
"""

import base64
import binascii
import codecs
import contextlib
import html
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from tasks.text.orders import bare_of, gives_orders
from tasks.text.sentences import words

HIDDEN = re.compile(
    r"[A-Za-z][\u180e\u200b-\u200d\u2060-\u2064\ufeff]+[A-Za-z]"  # inside a Latin word nothing joins or breaks
    r"|[\u202d\u202e\u2066-\u2068]"  # turn the direction of reading
    r"|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]{2,}"  # letters of tags, but for flags
)
ROLE = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|end|eot_id|endoftext|(?:start|end)_header_id)\|>"
    r"|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>"
    r"|</?(?:system|assistant|instructions?)>|^[ \t]*human ?: [^\n]*\n\s*assistant ?:"
    r"|^[ \t]*#{2,} ?(?:system|assistant)(?: (?:prompt|message))? ?:?[ \t]*$"
    r"|^[ \t]*(?:system|assistant) ?: ?(?:you (?:are|must|will)|ignore|always|never|from now)\b",
    re.IGNORECASE | re.MULTILINE,
)
HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){12,}(?![0-9A-Za-z])")
ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}")
ESCAPES = 4  # of one kind, from which on a text is read without them
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,}={0,2}")
SHINGLE = 3


def flags_of(text: str) -> tuple[str, ...]:
    """Name what in a text speaks to a model: `invisible`, `instruction`, `role`, `encoded`; nothing for most texts.

    Characters without width are taken out, and letters read as those they look like, before words are looked for; text
    in base64, hexadecimal, escapes of addresses, HTML or JSON, or rot13 is decoded once.
    """
    found = {"invisible"} if HIDDEN.search(text) else set()
    spoken = _spoken(text)
    if not spoken and any(_spoken(inner) for inner in _decoded(text)):
        spoken.add("encoded")
    return tuple(sorted(found | spoken))


def bursts(texts: Sequence[str], owners: Sequence[str], *, alike: float, at_least: int) -> set[int]:
    """Find texts of several documents that say nearly the same: many wordings of one claim drown out the others.

    Args:
        texts: N texts found for one question.
        owners: Document of each.
        alike: Share of runs of three words that two texts have in common, of all they have together, 0..1.
        at_least: Documents that make a burst.

    Returns:
        Positions of the texts that are alike to those of so many documents, their own included.
    """
    shingles = [_shingles(text) for text in texts]
    found = set()
    for position, mine in enumerate(shingles):
        near = {owners[other] for other, its in enumerate(shingles) if _shared(mine, its) >= alike}
        if len(near | {owners[position]}) >= at_least:
            found.add(position)
    return found


def _spoken(text: str) -> set[str]:
    """Name what is said openly, once hidden characters are gone."""
    found = {"role"} if ROLE.search(bare_of(text)) else set()
    return found | ({"instruction"} if gives_orders(text) else set())


def _decoded(text: str) -> Iterator[str]:
    """Yield what a text holds in other letters, where that is text."""
    for match in BASE64.finditer(text):
        run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            yield base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode("utf-8")
    for match in HEXADECIMAL.finditer(text):
        with contextlib.suppress(UnicodeDecodeError):
            yield bytes.fromhex(match.group()).decode("utf-8")
    if text.count("%") >= ESCAPES:
        yield unquote(text)
    if text.count("&") >= ESCAPES:
        yield html.unescape(text)
    if len(ESCAPED.findall(text)) >= ESCAPES:
        yield ESCAPED.sub(lambda match: chr(int(match.group()[2:], 16)), text)
    if text.isascii():
        yield codecs.encode(text, "rot13")


def _shingles(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[start : start + SHINGLE]) for start in range(max(1, len(said) - SHINGLE + 1))}


def _shared(ours: set[tuple[str, ...]], theirs: set[tuple[str, ...]]) -> float:
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0
