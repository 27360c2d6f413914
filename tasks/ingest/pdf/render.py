"""What runs in a process of its own: a PDF comes in on standard input, the pixels of some of its pages go out.

A line of JSON comes first: the numbers of the pages, dots per inch, pixels a page may have, and whether colours are
wanted. A line goes out that says how many pages the file has, or why it cannot be opened; then for each page a line,
whose `shape` says how many bytes of pixels follow. The process may be killed at any moment: PDFium is written in C++,
and a hostile file may take it over. It limits its own memory and processor time before it reads a byte, opens no file
of the user and knows nothing of the environment.
"""

import json
import os
import resource
import sys
from typing import Any

POINTS = 72.0  # an inch
ENCRYPTED = (4, 5)  # PDFium's FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY
NO_PAGES = 0  # FPDF_ERR_SUCCESS: the file was understood, and no page found to open
REFUSED = {
    "encrypted": "needs a password; save it without one",
    "empty": "is a PDF without pages; save it again with its pages, or leave it out",
    "unreadable": "is no PDF that can be opened; open it in a viewer and save it again",
}
"""Why a file is rejected; a process that a file took over can name one of these and nothing else."""


def main(seconds: int, memory: int) -> None:
    """Render pages of one PDF from standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not spoil an answer
    asked = json.loads(sys.stdin.buffer.readline())
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(sys.stdin.buffer.read())
    except PdfiumError as error:
        none = "empty" if error.err_code == NO_PAGES else "unreadable"
        refused = {"reason": "encrypted" if error.err_code in ENCRYPTED else none}
        answers.write(json.dumps(refused).encode() + b"\n")
        answers.flush()
        return
    answers.write(json.dumps({"pages": len(document)}).encode() + b"\n")
    for number in asked["pages"]:
        header, pixels = _page(document[number - 1], asked)
        answers.write(json.dumps({"page": number} | header).encode() + b"\n" + pixels)
        answers.flush()
    answers.flush()


def _page(page: Any, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    width, height = (side / POINTS for side in page.get_size())
    scale = min(asked["dpi"], (asked["max_pixels"] / max(width * height, 1e-6)) ** 0.5) / POINTS
    colours = {"rev_byteorder": True, "prefer_bgrx": False} if asked["colour"] else {"grayscale": True}
    pixels = page.render(scale=scale, **colours).to_numpy()
    page.close()
    rows, columns = pixels.shape[:2]
    pixels = pixels.reshape(rows, columns, -1)
    return {"shape": [rows, columns, pixels.shape[2]], "points": 1 / scale}, pixels.tobytes()
