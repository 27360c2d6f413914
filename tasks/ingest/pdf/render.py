"""What runs in a process of its own: a PDF comes in on standard input, the pixels of some of its pages go out.

A line of JSON comes first: the numbers of the pages, and dots per inch. For each page a line of JSON goes out, whose
`shape` says how many grey pixels follow. The process may be killed at any moment: PDFium is written in C++, and a
hostile file may take it over. It limits its own memory and processor time before it reads a byte, opens no file of the
user and knows nothing of the environment.
"""

import json
import os
import resource
import sys

POINTS = 72.0  # an inch
MAX_PIXELS = 30_000_000  # of a page; a poster is rendered smaller


def main(seconds: int, memory: int) -> None:
    """Render pages of one PDF from standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library that prints must not spoil an answer
    asked = json.loads(sys.stdin.buffer.readline())
    from pypdfium2 import PdfDocument

    document = PdfDocument(sys.stdin.buffer.read())
    for number in asked["pages"]:
        page = document[number - 1]
        width, height = (side / POINTS for side in page.get_size())
        scale = min(asked["dpi"], (MAX_PIXELS / max(width * height, 1e-6)) ** 0.5) / POINTS
        pixels = page.render(scale=scale, grayscale=True).to_numpy()
        rows, columns = pixels.shape[:2]
        header = {"page": number, "shape": [rows, columns], "points": 1 / scale}
        answers.write(json.dumps(header).encode() + b"\n" + pixels.reshape(rows, columns).tobytes())
        answers.flush()
        page.close()
