"""Recognised pages: who reads them, and where they are kept.

What was recognised is kept by the digest of the file and the page, for each recogniser and resolution.

    recognised/<recogniser>/<file>-<page>.json
"""

import dataclasses
import logging
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from configs.ingest import Files, Ocr
from tasks.data.documents import Item
from tasks.data.recognised import ReadLine, ReadPage
from tasks.errors import MissingExtra, StoreError
from tasks.models.vision import text_reader
from tasks.store import durable, workspace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


def name_readers(items: Sequence[Item], source: Files) -> list[Item]:
    """Return listed files with what recognises their text named beside what else reads them.

    Raises:
        MissingExtra: What renders, decodes or recognises is not installed.
    """
    if source.ocr is None:
        return list(items)
    from tasks.ingest.pdf.read import is_pdf
    from tasks.ingest.pictures.read import decoder
    from tasks.ingest.pictures.shown_text import shows_text

    if find_spec("pypdfium2") is None:
        raise MissingExtra("source.ocr renders pages by pypdfium2, which is not here; pip install 'llm-flows[ocr]'")
    named = f"pypdfium2 {metadata.version('pypdfium2')}, {decoder()}, {text_reader.reader()}"
    return [
        dataclasses.replace(item, reader="; ".join(filter(None, (item.reader, named))))
        if is_pdf(item.name) or shows_text(item.name, source)
        else item
        for item in items
    ]


class KeptPages:
    """Reads pages, and keeps what it read in the workspace.

    Args:
        ocr: How pages are rendered.
    """

    def __init__(self, ocr: Ocr) -> None:
        self._folder = workspace.folder("recognised", durable.digest_of([text_reader.reader(), ocr.dpi]))

    def kept(self, key: str) -> ReadPage | None:
        """Return the page that was read under this key; None where none was, or it is damaged."""
        path = self._folder / f"{key}.json"
        if not path.exists():
            return None
        try:
            found: dict[str, Any] = durable.read_json(path)
            lines = tuple(ReadLine(str(text), *map(float, rest)) for text, *rest in found["lines"])
            return ReadPage(lines, int(found["height"]), int(found["turned"]), float(found["points"]))
        except (StoreError, KeyError, ValueError, TypeError) as error:
            log.warning("a recognised page is damaged and is read again: %s", error)
            return None

    def read(self, key: str, rgb: "NDArray[np.uint8]", points: float) -> ReadPage:
        """Read a page, and keep it under this key."""
        page = text_reader.read_page(rgb, points)
        lines = [list(dataclasses.astuple(line)) for line in page.lines]
        durable.write_json(
            self._folder / f"{key}.json",
            {"lines": lines, "height": page.height, "turned": page.turned, "points": page.points},
        )
        return page
