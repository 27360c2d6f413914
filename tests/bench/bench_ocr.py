"""Twenty scanned pages of this project's own documentation: character error rate, and what a page costs.

Three fonts, the grain of a scanner, one page on its side. Left out, such a PDF is rejected: that is what it stands
against. Text is compared with blanks and line breaks made one, as no scan says which a blank was.
"""

import os
import re
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from tasks.data.documents import Document, DocumentsRef
from tasks.metrics.intervals import mean_interval
from tasks.store import objects
from tests.bench.pairs import at_most, plain
from tests.bench.tuning import place
from tests.tasks.ingest.pdf.scanned_pages import A4, FONTS, character_errors, drawn, noisy, scan

DOCS = Path(__file__).parents[2] / "docs"
PAGES, LETTERS, WORST = 20, 2_200, 2.0  # the last in percent
ON_ITS_SIDE = 7
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
PROSE = re.compile(r"^[A-Z-][^|<>{}#]{60,}[.:]$")


def own_texts() -> list[str]:
    """Return the prose of the pages of the documentation, cut to what a page holds."""
    lines = [
        LINK.sub(r"\1", " ".join(block.split())).replace("`", "").replace("*", "")
        for path in sorted(DOCS.rglob("*.md"))
        for block in path.read_text("utf-8").split("\n\n")
    ]
    prose = [line for line in lines if PROSE.match(line) and line.isascii()]
    pages, page = [], ""
    for line in prose:
        page = f"{page}\n\n{line}" if page else line
        if len(page) > LETTERS:
            pages.append(page[: page.rindex(" ", 0, LETTERS)])
            page = ""
    return pages[:PAGES]


def measure() -> list[dict[str, Any]]:
    """Return the error rate of a scan of own text, with its interval, and seconds a page."""
    texts = own_texts()
    pages = [noisy(drawn(text, FONTS[n % 3], points=10, columns=88, size=A4), n) for n, text in enumerate(texts)]
    pages[ON_ITS_SIDE] = pages[ON_ITS_SIDE].rotate(90, expand=True)
    with place() as at:
        folder = at.folder / "scans"
        folder.mkdir()
        for number, page in enumerate(pages):
            (folder / f"{number:02d}.pdf").write_bytes(scan([page]))
        words = ("source.kind=files", f"source.path={folder}", "topics=null")
        started = time.perf_counter()
        made = at.run("knowledge-base", *words, "source.ocr={}")
        seconds = time.perf_counter() - started
        os.environ["LLM_FLOWS_HOME"] = at.environment["LLM_FLOWS_HOME"]
        read: dict[str, str] = {}
        stated = made["refs"]["collection.documents"]
        for row in objects.load_rows(
            DocumentsRef.model_validate({**stated, "shape": (stated["rows"], len(fields(Document)))}), Document
        ):
            read[row.path] = f"{read.get(row.path, '')} {row.text}"
    flat = {number: " ".join(text.split()) for number, text in enumerate(texts)}
    rates = [
        character_errors(text, " ".join(read.get(f"{number:02d}.pdf", "").split())) / len(text) * 100
        for number, text in flat.items()
    ]
    mean, (low, high) = mean_interval(rates, resamples=2_000, seed=0)
    return [
        at_most(f"character error rate, {len(rates)} pages, mean ({low:.3f} to {high:.3f})", mean, "%", WORST),
        *(plain(f"of these in {font.removesuffix('.ttf')}", sum(rates[n::3]) / len(rates[n::3]), "%")
          for n, font in enumerate(FONTS)),
        plain("the page on its side", rates[ON_ITS_SIDE], "%"),
        plain("seconds of the whole run, a page", seconds / len(rates), "s"),
    ]  # fmt: skip
