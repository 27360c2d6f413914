"""Read pictures of text: decoded in a process of their own, recognised, and put into paragraphs as a page of a PDF."""

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from configs.ingest import PICTURES, Files, Ocr
from tasks.data.documents import Document, Item, Rejected
from tasks.ingest.files import FileContents
from tasks.ingest.pdf.read import MAX_TITLE_LENGTH
from tasks.ingest.pdf.scans import PageReader, recognise_picture
from tasks.ingest.pictures.limits import PictureLimits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 4_096  # pixels of the longer side; larger pictures are shrunk to it


def shows_text(name: str, source: Files) -> bool:
    """Return whether a file is a picture whose text is to be recognised."""
    return source.ocr is not None and any(fnmatch.fnmatch(name.lower(), pattern) for pattern in PICTURES)


def read_pictures(
    root: Path, items: Sequence[Item], source: Files, reader: PageReader | None
) -> Iterator[FileContents]:
    """Read listed pictures of text and yield them in order, each a document or why it is rejected."""
    if not items or source.ocr is None or reader is None:
        return
    from tasks.ingest.pictures.read import decode_from, listed_file

    limits = PictureLimits(
        side=LONGEST, longest=LONGEST, max_bytes=int(source.max_file_mb * 1_000_000), timeout_s=source.timeout_s
    )
    found = decode_from(((item.name, listed_file(root.resolve(), item)) for item in items), limits)
    for item, got in zip(items, found, strict=True):
        if isinstance(got, Rejected):
            yield FileContents([got])
        else:
            made = _document(item, got.rgb, got.digest, source.ocr, reader)
            if got.kind == "tiff" and got.frames > 1:
                detail = f"has {got.frames} pages, of which the first was read; save it as a PDF"
                made.rows.append(Rejected(f"{item.name}#page-2", "unreadable", detail))
            yield made


def _document(item: Item, rgb: "NDArray[np.uint8]", digest: str, ocr: Ocr, reader: PageReader) -> FileContents:
    from tasks.ingest.pdf import sections
    from tasks.ingest.pdf.lines import lines_of
    from tasks.ingest.pdf.recognised import boxes_of, glyphs_of
    from tasks.text.sentences import unfit

    counts: Counter[str] = Counter()
    seen = recognise_picture(rgb, digest, ocr, reader)
    lines = [replace(line, page=1) for line in lines_of(glyphs_of(seen.pages[1]), counts)]
    if not lines:
        return FileContents([Rejected(item.name, "empty", "shows no text that could be recognised")], seen.counts)
    text, _, starts = sections.text_of(lines, sections.words_of([lines]), counts)
    if (bad := unfit(text)) is not None:
        return FileContents([Rejected(item.name, *bad)], seen.counts)
    made = Document(
        id=item.name, text=text, title=Path(item.name).stem[:MAX_TITLE_LENGTH], source="files", path=item.name,
        kind="scan", meta={"sha256": item.sha256, "recognised": "1", "boxes": boxes_of(lines, starts, (1,))},
    )  # fmt: skip
    return FileContents([made], counts + seen.counts)
