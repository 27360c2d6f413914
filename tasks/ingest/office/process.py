"""What runs in a process of its own: a file comes in on standard input, what stands in it goes out as one JSON object.

A line of JSON comes first: the kind of file, the encoding of csv. The process may be killed at any moment. It limits
its own memory and processor time before it reads a byte, and opens no file of the user.
"""

import dataclasses
import importlib
import json
import logging
import resource
import sys
import warnings
from typing import Any

from tasks.ingest.office.contents import FileRefused, OfficeContents

LIBRARIES = {"docx": "mammoth", "pptx": "pptx", "xlsx": "openpyxl"}


def load(asked: bytes) -> None:
    """Load the libraries that read a kind of file."""
    from tasks.ingest.office import epub, grid, mail, slides, word, workbook  # noqa: F401

    if (library := LIBRARIES.get(json.loads(asked)["kind"])) is not None:
        importlib.import_module(library)


def main(seconds: int, memory: int) -> None:
    """Read one file from standard input; write what it holds, or the reason why it cannot be read."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        found = answer(sys.stdin.buffer.read(), asked["kind"], asked["encoding"])
    except (MemoryError, RecursionError) as error:
        detail = f"needs more than {memory >> 20:,} MB or nests too deep: {type(error).__name__}; divide it"
        found = {"reason": "too-large", "detail": detail}
    sys.stdout.write(json.dumps(found))


def answer(content: bytes, kind: str, encoding: str = "utf-8") -> dict[str, Any]:
    """Return what stands in a file, or the reason why it is rejected.

    Args:
        content: The file.
        kind: The ending of its name.
        encoding: Of csv files.
    """
    try:
        found = contents_of(content, kind, encoding)
    except FileRefused as refused:
        return {"reason": refused.reason, "detail": refused.detail}
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # readers of hostile bytes fail in every way; the file is the cause
        detail = f"is not whole: {type(error).__name__} {str(error)[:120]}; open it and save it again"
        return {"reason": "damaged", "detail": detail}
    if not (found.sections or found.text.strip()):
        unread = "; ".join(found.unread)
        return {"reason": "empty", "detail": f"shows no text; not read: {unread}" if unread else "has no text"}
    del found.counts["characters"]
    sections = [dataclasses.asdict(section) for section in found.sections]
    headings = [dataclasses.asdict(heading) for heading in found.headings]
    return {"title": found.title, "text": found.text, "headings": headings, "sections": sections,
            "counts": found.counts, "unread": found.unread, "meta": found.meta}  # fmt: skip


def contents_of(content: bytes, kind: str, encoding: str = "utf-8") -> OfficeContents:
    """Return what stands in a file of a kind.

    Raises:
        FileRefused: It cannot be read.
    """
    from tasks.ingest.office import epub, grid, mail, slides, word, workbook
    from tasks.ingest.office.package import open_package

    if not content:
        raise FileRefused("empty", "has no bytes; copy or download it again")
    if kind == "eml":
        return mail.read(content)
    if kind in grid.USUAL:
        return grid.read(content, kind, encoding)
    with open_package(content, kind) as package:
        match kind:
            case "docx":
                return word.read(package)
            case "pptx":
                return slides.read(content)
            case "xlsx":
                return workbook.read(package, content)
        return epub.read(package)
