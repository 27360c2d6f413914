"""Read Office files, books, mails and csv files: each in a process of its own that may hang, swell or crash.

The readers are those behind `markitdown`: `mammoth`, `python-pptx`, `openpyxl`; books, mails and csv need none. Macros
are parts of a package that are never asked for.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from configs.ingest import Files
from tasks.data.documents import Document, Item, Rejected
from tasks.ingest import sandbox
from tasks.ingest.files import FileContents, read_bytes, text_documents
from tasks.ingest.html import HtmlPage
from tasks.ingest.office import process
from tasks.ingest.office.process import LIBRARIES
from tasks.ingest.readers import version_of
from tasks.ingest.sections import Heading, Section, documents_of

ON_PYPI = {"mammoth": "mammoth", "pptx": "python-pptx", "openpyxl": "openpyxl"}
KINDS = (*LIBRARIES, "epub", "eml", "csv", "tsv", "doc", "ppt", "xls")
PARSER = sandbox.forking(process)


def kind_of(name: str) -> str:
    """Return the ending of a file's name that says it is read here; empty for none."""
    kind = name.lower().rpartition(".")[2]
    return kind if kind in KINDS else ""


def reader(name: str) -> str:
    """Return the library that reads a file, by its name, and its version; empty where Python alone does.

    Raises:
        MissingExtra: It is not installed.
    """
    kind = kind_of(name)
    if kind not in LIBRARIES:
        return ""
    module = LIBRARIES[kind]
    missing = (
        f"the source holds {kind} files but {ON_PYPI[module]} is not here; pip install 'llm-flows[office]', "
        f"or leave *.{kind} out of source.patterns"
    )
    return version_of(module, ON_PYPI[module], missing)


def read_offices(root: Path, items: Sequence[Item], source: Files) -> Iterator[FileContents]:
    """Read listed files, several at a time, and yield them in order.

    Args:
        root: The folder.
        items: As they were listed.
        source: Encoding of csv files, seconds a file may take, whether it is parted.
    """
    if not items:
        return
    count = min(len(items), len(os.sched_getaffinity(0)))
    with sandbox.parsers(PARSER, count) as parse, ThreadPoolExecutor(count) as pool:
        yield from pool.map(lambda item: _read(root, item, source, parse), items)


def _read(root: Path, item: Item, source: Files, parse: sandbox.Parse) -> FileContents:
    """Read one listed file as a document, or one a section, or say why it is rejected."""
    content = read_bytes(root, item)
    if isinstance(content, Rejected):
        return FileContents([content])
    kind = kind_of(item.name)
    asked = json.dumps({"kind": kind, "encoding": source.encoding}).encode()
    found = parse(asked + b"\n" + content, source.timeout_s)
    if "reason" in found:
        return FileContents([Rejected(item.name, found["reason"], found["detail"])])
    made = _documents(item, kind, found, source)
    made.unread = "; ".join(found["unread"])
    for row in made.rows:
        if isinstance(row, Document):
            row.meta.update(found["meta"])
    return made


def _documents(item: Item, kind: str, found: dict[str, Any], source: Files) -> FileContents:
    counts = +Counter({name: int(n) for name, n in found["counts"].items()})
    if not found["sections"]:
        headings = [Heading(**heading) for heading in found["headings"]]
        return text_documents(item, kind, HtmlPage(found["title"], found["text"], headings, counts), source.sections)
    sections = [Section(**{**section, "headings": tuple(section["headings"])}) for section in found["sections"]]
    if source.sections == "off":
        headed = ("\n\n".join([*section.headings[-1:], section.text]) for section in sections)
        sections = [Section((), "\n\n".join(headed))]
    return FileContents(documents_of(item, found["title"], sections, kind), counts)
