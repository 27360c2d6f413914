"""Text of strangers as one line that can be shown."""

import re
import unicodedata

from tasks.text.prompts import disarm

BLANKS = re.compile(r"\s+")


def one_line(text: str) -> str:
    """Return a text as one line of printable characters; what could pass for a mark of a speaker is taken apart."""
    seen = "".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in text)
    return BLANKS.sub(" ", disarm(seen)).strip()
