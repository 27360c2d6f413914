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
APART = re.compile(r"\b([^\W\d_]{3,}) ([a-z])\b(?!['\u2019.])")
WORD = re.compile(r"[^\W\d_]+")
LEAST_SEEN = 2  # times that the whole word stands elsewhere


def mend_letters(texts: Sequence[str], counts: Counter[str]) -> list[str]:
    """Return texts with ligatures written out, and words joined whose last letter stands apart ("Figur e").

    A word is joined where the texts have it whole elsewhere, and have what is left of it nowhere else.

    Args:
        texts: Those of one file.
        counts: Counts `ligatures` and `joined_words`.
    """
    found = [LIGATURE.subn(lambda m: LIGATURES[m.group()], text) for text in texts]
    counts["ligatures"] += sum(number for _, number in found)
    plain = [text for text, _ in found]
    pairs = Counter((m[1].lower(), m[2]) for text in plain for m in APART.finditer(text))
    if not pairs:
        return plain
    known = Counter(word.lower() for text in plain for word in WORD.findall(text))
    stems = Counter[str]()
    for (stem, _), number in pairs.items():
        stems[stem] += number
    joined = {
        (stem, letter)
        for stem, letter in pairs
        if known[stem + letter] >= LEAST_SEEN and known[stem] == stems[stem]
    }  # fmt: skip
    if not joined:
        return plain

    def whole(match: re.Match[str]) -> str:
        if (match[1].lower(), match[2]) not in joined:
            return match[0]
        counts["joined_words"] += 1
        return match[1] + match[2]

    return [APART.sub(whole, text) for text in plain]
