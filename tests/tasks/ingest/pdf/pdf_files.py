"""Write PDF files on the spot, with a library or byte by byte, and read them as a source does."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from configs.ingest import Files
from tasks.ingest.pdf.process import parsed
from tasks.ingest.sources import SourceContents, list_source, read_source

WORDS = "The keeper of the lighthouse lit the lamp at dusk and polished its lens every morning with chalk."
Draw = Callable[[Canvas], None]


def made(*pages: Draw) -> bytes:
    """Return a PDF with a page drawn by each function."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for draw in pages:
        canvas.setFont("Helvetica", 10)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def paragraph(*lines: str, x: float = 72, y: float = 700) -> Draw:
    """Return a function that draws lines of 10 points."""

    def draw(canvas: Canvas) -> None:
        for number, line in enumerate(lines):
            canvas.drawString(x, y - 12 * number, line)

    return draw


def together(*draws: Draw) -> Draw:
    """Return a function that draws everything on one page."""

    def draw(canvas: Canvas) -> None:
        for one in draws:
            one(canvas)

    return draw


def heading(text: str, y: float, size: float = 16) -> Draw:
    """Return a function that draws a larger line."""

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica-Bold", size)
        canvas.drawString(72, y, text)
        canvas.setFont("Helvetica", 10)

    return draw


def raw(*bodies: bytes) -> bytes:
    """Return a PDF of objects as given, numbered from 1; the first is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(bodies) + 1, table)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start))


def stream(data: bytes, more: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)


FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> %s >> >>"
)


def page_of(content: bytes, more: bytes = b"", *objects: bytes, catalog: bytes = b"") -> bytes:
    """Return a PDF of one page with that content stream; further objects are numbered from 6."""
    return raw(
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", PAGE % more,
        stream(content), FONT, *objects,
    )  # fmt: skip


def said(text: str, x: float = 72, y: float = 700, before: str = "") -> bytes:
    """Return operators that write a line."""
    return f"q BT {before} /F 10 Tf {x} {y} Td ({text}) Tj ET Q\n".encode()


def read(folder: Path, content: bytes, name: str = "a.pdf", **fields: Any) -> SourceContents:
    """Write, list and read one file."""
    (folder / name).write_bytes(content)
    source = Files(path=str(folder), **fields)
    return read_source(source, list_source(source)[0], lambda texts: [len(t) for t in texts])


def read_twice(folder: Path, content: bytes, name: str = "a.pdf", **fields: Any) -> SourceContents:
    """Read one file; the process of its own must find what the parser finds in this process."""
    found, here = read(folder, content, name, **fields), parsed(content, Files(path=str(folder), **fields).max_pages)
    assert [d.text for d in found.documents] == [text for _, text, _ in here.get("sections", []) if text.strip()]
    assert here.get("reason") in {None, *(r.reason for r in found.rejected)}
    return found


def texts(found: SourceContents) -> list[str]:
    return [d.text for d in found.documents]


def titles(found: SourceContents) -> list[str]:
    return [d.title for d in found.documents]
