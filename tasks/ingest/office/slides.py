"""Read the slides of a presentation, with tables and notes, by `python-pptx`."""

import html
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tasks.ingest.html import read_html
from tasks.ingest.office.contents import OfficeContents
from tasks.ingest.sections import Section

NOT_READ = {"charts": "chart", "diagrams": "diagram", "pictures": "picture", "objects": "embedded object"}


def read(content: bytes) -> OfficeContents:
    """Return a section a slide that is shown: its title, texts, tables and notes."""
    from pptx import Presentation

    found = OfficeContents()
    counts: Counter[str] = Counter()
    hidden = []
    for number, slide in enumerate(Presentation(io.BytesIO(content)).slides, start=1):
        if slide._element.get("show") in ("0", "false"):
            hidden.append(str(number))
            continue
        heading = slide.shapes.title
        title = " ".join(heading.text_frame.text.split()) if heading is not None else ""
        markup = "".join(
            _blocks((s for s in slide.shapes if heading is None or s.shape_id != heading.shape_id), counts)
        )
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        if notes is not None and notes.text.strip():
            markup += "".join(_paragraphs(f"Notes: {notes.text.strip()}"))
        text = read_html(markup).text if markup else ""
        found.add(Section((title,) if title else (), text or title, 0, f"slide {number}"))
    found.leave("hidden_slides", len(hidden), "hidden slide", f" ({', '.join(hidden[:20])})")
    for name, one in NOT_READ.items():
        found.leave(name, counts[name], one)
    return found


def _blocks(shapes: Iterable[Any], counts: Counter[str]) -> Iterator[str]:
    """Yield paragraphs and tables as HTML; count what shows something else."""
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _blocks(shape.shapes, counts)
        elif getattr(shape, "has_table", False):
            yield _table(shape.table)
        elif getattr(shape, "has_chart", False):
            counts["charts"] += 1
        elif shape.has_text_frame:
            yield from _paragraphs(shape.text_frame.text)
        elif hasattr(shape, "image"):
            counts["pictures"] += 1
        elif hasattr(shape, "ole_format") or "diagram" in str(shape._element.xpath("string(.//a:graphicData/@uri)")):
            diagram = "diagram" in str(shape._element.xpath("string(.//a:graphicData/@uri)"))
            counts["diagrams" if diagram else "objects"] += 1


def _paragraphs(text: str) -> Iterator[str]:
    for line in text.replace("\v", "\n").splitlines():
        yield f"<p>{html.escape(line)}</p>"


def _table(table: Any) -> str:
    made = []
    for number, row in enumerate(table.rows):
        tag = "th" if table.first_row and not number else "td"
        cells = (
            f'<{tag} rowspan="{c.span_height}" colspan="{c.span_width}">{html.escape(c.text_frame.text)}</{tag}>'
            for c in row.cells
            if not c.is_spanned
        )
        made.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(made)}</table>"
