"""Read PDF files: each is parsed in a process of its own that may hang, swell or crash without harm to the others.

The parser is `pdfminer.six`: pure Python, kept for ten years, and the one under `pdfplumber`, of whose tables and
pictures nothing is needed here. A file becomes one document a section; what was mended in it is counted.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from configs.ingest import Files
from tasks.data.documents import Document, Item, Rejected
from tasks.ingest import sandbox
from tasks.ingest.files import FileContents, read_bytes
from tasks.ingest.pdf import process
from tasks.ingest.pdf.recognised import Placed
from tasks.ingest.pdf.scans import PageReader, recognise_pages
from tasks.ingest.readers import version_of
from tasks.text.sentences import unfit

MAX_TITLE_LENGTH = 512
PARSER = sandbox.forking(process)


def is_pdf(name: str) -> bool:
    """Return whether a file's name says it is a PDF."""
    return name.lower().endswith(".pdf")


def reader() -> str:
    """Return the parser and its version.

    Raises:
        MissingExtra: It is not installed.
    """
    missing = (
        "the source holds PDF files but pdfminer.six is not here; pip install 'llm-flows[pdf]', "
        "or leave *.pdf out of source.patterns"
    )
    return version_of("pdfminer", "pdfminer.six", missing)


def read_pdfs(
    root: Path, items: Sequence[Item], source: Files, reader: PageReader | None = None
) -> Iterator[FileContents]:
    """Read listed files, several at a time, and yield them in order.

    Args:
        root: The folder.
        items: As they were listed.
        source: Limits of pages and seconds a file.
        reader: Recognises the text of pages that show none; None for nobody.
    """
    if not items:
        return
    count = min(len(items), len(os.sched_getaffinity(0)))
    with sandbox.parsers(PARSER, count) as parse, ThreadPoolExecutor(count) as pool:
        yield from pool.map(lambda item: _read(root, item, source, reader, parse), items)


def _read(root: Path, item: Item, source: Files, reader: PageReader | None, parse: sandbox.Parse) -> FileContents:
    """Read one listed file as a document a section, or say why it is rejected."""
    content = read_bytes(root, item)
    if isinstance(content, Rejected):
        return FileContents([content])
    found = _parsed(content, source, {}, parse)
    if not found.get("blank"):
        return _documents(item, found, {})
    if source.ocr is None or reader is None:
        if "reason" in found:
            found["detail"] += "; recognise the text of a scan by source.ocr={}"
        return _documents(item, found, {})
    scanned = recognise_pages(content, item.sha256, found["blank"], source, source.ocr, reader)
    made = _documents(item, _parsed(content, source, scanned.pages, parse), scanned.pages)
    made.counts.update(scanned.counts)
    made.rows += [
        Rejected(f"{item.name}#page-{number}", "unreadable", "could not be rendered, to recognise its text")
        for number in scanned.lost
    ]
    return made


def _parsed(
    content: bytes, source: Files, recognised: Mapping[int, Sequence[Placed]], parse: sandbox.Parse
) -> dict[str, Any]:
    return parse(json.dumps(recognised).encode() + b"\n" + content, source.timeout_s, source.max_pages)


def _documents(item: Item, found: dict[str, Any], recognised: Mapping[int, Sequence[Placed]]) -> FileContents:
    if "reason" in found:
        return FileContents([Rejected(item.name, found["reason"], found["detail"])])
    counts = Counter({name: int(n) for name, n in found["counts"].items()})
    title = found["title"] or Path(item.name).stem
    made = FileContents([], counts)
    for number, ((heading, text, pages), boxes) in enumerate(zip(found["sections"], found["boxes"], strict=True), 1):
        identity = f"{item.name}#section-{number}"
        if (bad := unfit(text)) is not None:
            made.rows.append(Rejected(identity, *bad))
            continue
        named = " > ".join(part for part in (title, heading if heading != title else "") if part)
        stated = " ".join(f"{start}:{page}" for start, page in pages)
        scanned = " ".join(str(page) for _, page in pages if page in recognised)
        made.rows.append(
            Document(
                id=identity, text=text, title=named[:MAX_TITLE_LENGTH], source="files", path=item.name, kind="pdf",
                meta={"sha256": item.sha256, "page": str(pages[0][1]), "pages": stated}
                | ({"recognised": scanned, "boxes": boxes} if scanned else {}),
            )
        )  # fmt: skip
    if counts["hidden"]:
        detail = f"{counts['hidden']:,} characters that cannot be seen were left out"
        made.rows.append(Rejected(f"{item.name}#hidden", "hidden", detail))
    return made
