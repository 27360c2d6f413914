"""Text as it is shown to people, on a console or a page."""

import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BREAK, CONTINUED = re.compile(r"\r\n|[\n\u2028\u2029]"), "\n    "  # deeper than any line of a summary


def clean(text: str) -> str:
    """Return text without control characters and without marks that override the direction of reading.

    Line breaks, tabs, blanks of every kind, joiners and the marks of one direction stay: texts need them.
    """
    return CONTROL.sub("\ufffd", text)


def printable(text: str) -> str:
    """Return text that cannot steer a terminal, nor forge a line: what follows a line break is indented."""
    return clean(BREAK.sub(CONTINUED, text))


def in_bytes(size: int) -> str:
    """Return a size in words: kB below a megabyte, else MB."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
