"""Flag text in documents that speaks to a model instead of a reader; it is shown, counted, and never acted on.

A flag is a hint, no defence: words can be put in other words. What defends is that a document is only ever quoted.
Source: ours; the attacks are those of Greshake et al. 2023, arXiv:2302.12173, and of PoisonedRAG, arXiv:2402.07867.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence

from tasks.text.sentences import words

INVISIBLE = re.compile(
    r"[\u00ad\u180e\u200b-\u200f\u2060-\u2064\u2066-\u2069\u202a-\u202e\ufeff\U000e0000-\U000e007f]"
)
HIDDEN = re.compile(
    r"[A-Za-z][\u180e\u200b-\u200d\u2060-\u2064\ufeff]+[A-Za-z]"  # inside a Latin word nothing joins or breaks
    r"|[\u202d\u202e\u2066-\u2068]"  # turn the direction of reading
    r"|(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0020-\U000e007f]{2,}"  # letters of tags, but for flags
)
OLD = r"(?:previous|prior|above|earlier|preceding|foregoing|original|system|existing|safety)"
ORDERS = r"(?:instructions?|prompts?|rules?|directions?|directives?|commands?|guidelines|context|messages?)"
INSTRUCTION = re.compile(
    rf"\b(?:ignore|disregard|forget|override|bypass) (?:[\w']+ ){{0,3}}?{OLD} (?:[\w']+ ){{0,2}}?{ORDERS}\b"
    rf"|\b(?:ignore|disregard|forget) (?:all|any|your) (?:of )?(?:the |your )?{ORDERS}\b"
    r"|\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:above|before|so far|you (?:know|were told))\b"
    rf"|\bnew (?:system )?{ORDERS} ?:"
    r"|\byou are now (?:in \w+ mode|dan\b|an? (?:\w+ ){0,2}(?:assistant|model|ai|bot|chatbot)\b)"
    r"|\b(?:reveal|print|repeat|output|leak|show)(?: me)? (?:your|the) (?:system|hidden|initial) prompt\b"
    r"|\bdo not (?:tell|inform|mention (?:this|it) to|reveal (?:this|it) to) the user\b"
    r"|\bwhen(?:ever)? (?:you are |you're )?asked\b[^.!?]{0,160}\b(?:output|say|answer|respond|reply)\b"
    r"|\b(?:as|dear|attention,?) (?:an )?(?:ai|llm|language model|assistant),? you (?:must|should|will|shall)\b"
)
ROLE = re.compile(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|end|eot_id|endoftext|(?:start|end)_header_id)\|>"
    r"|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>"
    r"|^[ \t]*#{2,} ?(?:system|assistant)(?: (?:prompt|message))? ?:?[ \t]*$"
    r"|^[ \t]*(?:system|assistant) ?: ?(?:you (?:are|must|will)|ignore|always|never|from now)\b",
    re.IGNORECASE | re.MULTILINE,
)
BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,}={0,2}")
SHINGLE = 3


def flags_of(text: str) -> tuple[str, ...]:
    """Name what in a text speaks to a model: `invisible`, `instruction`, `role`, `encoded`; nothing for most texts.

    Characters without width are taken out, and compatible forms made one, before words are looked for; text in base64
    is decoded once.
    """
    found = {"invisible"} if HIDDEN.search(text) else set()
    found |= _spoken(text)
    if any(_spoken(inner) for inner in _decoded(text)):
        found.add("encoded")
    return tuple(sorted(found))


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
    bare = unicodedata.normalize("NFKC", INVISIBLE.sub("", text))
    said = " ".join(re.sub(r"[*_`\"\u201c\u201d]", "", bare).lower().replace("\u2019", "'").split())
    checks = {"instruction": INSTRUCTION.search(said), "role": ROLE.search(bare)}
    return {name for name, match in checks.items() if match}


def _decoded(text: str) -> Iterator[str]:
    """Yield what runs of base64 hold where that is text."""
    for match in BASE64.finditer(text):
        run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            inner = base64.b64decode(run + "=" * (-len(run) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
        yield inner


def _shingles(text: str) -> set[tuple[str, ...]]:
    said = words(text)
    return {tuple(said[start : start + SHINGLE]) for start in range(max(1, len(said) - SHINGLE + 1))}


def _shared(ours: set[tuple[str, ...]], theirs: set[tuple[str, ...]]) -> float:
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0
