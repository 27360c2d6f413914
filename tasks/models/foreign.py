"""What stands in JSON that a server wrote, made into texts and numbers that can be stored."""

import json
import re
from typing import Any

SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no encoding can write
MOST = 2**31 - 1  # tokens that a server can state


def text_of(value: Any) -> str:
    """Return a value of JSON as text that can be stored: a text as it is, nothing for null, else JSON again."""
    if not isinstance(value, str):
        value = "" if value is None else json.dumps(value, ensure_ascii=False)
    return SURROGATE.sub("\ufffd", value)


def halves_in(value: Any) -> int:
    """Count the halves of characters in all texts of a value of JSON."""
    if isinstance(value, str):
        return len(SURROGATE.findall(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(halves_in, inner))


def count_of(value: Any) -> int | None:
    """Return a number of tokens that a server states; None of what cannot be one."""
    return value if type(value) is int and 0 <= value <= MOST else None


def without_halves(text: str) -> tuple[str, int]:
    """Return a text without halves of characters, those it holds as JSON included, and how many were replaced."""
    if "\\ud" in text.lower():
        try:
            stated = json.loads(text)
        except (ValueError, RecursionError):
            stated = None
        if isinstance(stated, (dict, list)) and (halves := halves_in(stated)):
            return text_of(stated), halves
    return text_of(text), halves_in(text)
