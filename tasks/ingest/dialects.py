"""How a text file is written: its encoding and, of csv, what stands between cells. What is found is said by who asks.

Source: charset-normalizer for encodings; for delimiters ours: the columns that are asked for tell them apart.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from charset_normalizer import from_bytes

AUTO = "auto"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
SURE = ("utf-8", "utf-16")  # the others that are found are guesses
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}  # a tie goes to the first
AFTER_HEADER = 2  # number of the first record below the header, as spreadsheets count rows
SAMPLE = 50  # records that are looked at
MOST_RECORDS = 0.6  # of them; a title, notes and broken rows are the rest
ENCODINGS = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "iso8859_2", "shift_jis",
    "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip


def find_encoding(content: bytes) -> str:
    """Return how bytes are written: as their mark says, UTF-8 where they are, else what is likeliest, or `utf-8`."""
    if content.startswith(UTF16_MARKS):
        return "utf-16"
    try:
        content.decode("utf-8-sig")
        return "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(content, cp_isolation=ENCODINGS).best()
    if best is None:
        return "utf-8"
    try:  # where both say the same, the commoner name
        return "cp1252" if content.decode("cp1252") == str(best) else best.encoding
    except UnicodeDecodeError:
        return best.encoding


def find_delimiter(text: str, wanted: Sequence[str]) -> str:
    """Return what stands between the cells of a csv file.

    Args:
        text: Its head.
        wanted: Names of columns that are asked for.

    Returns:
        The sign by which the header names most of these columns; then one that cuts most records into as many
        cells, two or more; then the one by which most have as many, and the most.
    """
    return max(DELIMITERS, key=lambda delimiter: _fit(text, delimiter, wanted))


def records_of(text: str, delimiter: str) -> Iterator[list[str]]:
    """Return the records of a csv file."""
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _fit(text: str, delimiter: str, wanted: Sequence[str]) -> tuple[int, bool, float, int]:
    records = records_of(text, delimiter)
    header: list[str] = []
    widths: Counter[int] = Counter()
    for _ in range(SAMPLE):
        try:
            cells = next(records)
        except StopIteration:
            break
        except csv.Error:
            cells = [""]
        header = header or cells
        widths[len(cells)] += bool(cells)
    width, fitting = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    share = fitting / max(1, widths.total())
    return len(set(header).intersection(wanted)), width > 1 and share >= MOST_RECORDS, share, width


def head_of(lines: Iterable[bytes], most: int) -> bytes:
    """Return the first lines of a file, of about so many bytes."""
    head = bytearray()
    for line in lines:
        head += line
        if len(head) >= most:
            break
    return bytes(head)
