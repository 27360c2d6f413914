"""Mend what typesetting leaves in texts that were taken from print: ligatures, and a last letter that stands apart.

Source: ours.
"""

import re
from collections import Counter
from collections.abc import Sequence

LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
LIGATURE = re.compile("[\ufb00-\ufb06]")
APART = re.compile(r"(?<![^\W\d_])([^\W\d_]{3,}+) ([a-z])(?![\w'\u2019.])")
WORD = re.compile(r"[^\W\d_]+")
LEAST_SEEN = 2  # times that the whole word stands elsewhere


def mend_letters(texts: Sequence[str], counts: Counter[str]) -> list[str]:
    """Return texts with ligatures written out, and words joined whose last letter stands apart ("Figur e").

    A word is joined where the texts have it whole elsewhere, and have what is left of it nowhere else.

    Args:
        texts: Those of one file.
        counts: Counts `ligatures` and `joined_words`.
    """
    plain = list(texts)
    for at, text in enumerate(plain):
        if not text.isascii() and LIGATURE.search(text) is not None:
            plain[at], number = LIGATURE.subn(lambda m: LIGATURES[m.group()], text)
            counts["ligatures"] += number
    whole = "\n".join(plain)
    lower = whole.lower()
    pairs = {(m[1].lower(), m[2]) for m in APART.finditer(whole)}
    suspects = {
        (stem, letter) for stem, letter in pairs if stem + letter in lower
    }  # most words are no part of another
    if not suspects:
        return plain
    known = Counter(WORD.findall(lower))
    apart = Counter(m[1].lower() for m in APART.finditer(whole))
    joined = {(s, letter) for s, letter in suspects if known[s + letter] >= LEAST_SEEN and known[s] == apart[s]}

    def mended(match: re.Match[str]) -> str:
        if (match[1].lower(), match[2]) not in joined:
            return match[0]
        counts["joined_words"] += 1
        return match[1] + match[2]

    return [APART.sub(mended, text) for text in plain] if joined else plain
