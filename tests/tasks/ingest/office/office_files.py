"""Write Office files, books and mails on the spot, with the libraries that others write them with or part by part."""

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from docx import Document as Word
from openpyxl import Workbook
from pptx import Presentation

from configs.ingest import Files
from tasks.ingest.sources import SourceContents, list_source, read_source

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def saved(made: Any) -> bytes:
    """Return what a document, presentation or workbook is saved as."""
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def packed(parts: dict[str, str | bytes]) -> bytes:
    """Return a zip file of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return buffer.getvalue()


def changed(content: bytes, part: str, change: Callable[[str], str | bytes]) -> bytes:
    """Return a package with one part changed; a part that is not there is made."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        parts: dict[str, str | bytes] = {name: package.read(name) for name in package.namelist()}
    parts[part] = change(bytes(parts[part]).decode() if part in parts else "")  # type: ignore[arg-type]
    return packed(parts)


def word() -> Any:
    """Return an empty document."""
    return Word()


NOTES = (
    '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:footnote w:id="2"><w:p>'
    "<w:r><w:t>{}</w:t></w:r></w:p></w:footnote></w:footnotes>"
)
RELATION = (
    '<Relationship Id="n1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes" '
    'Target="footnotes.xml"/></Relationships>'
)


def noted(content: bytes, after: str, note: str) -> bytes:
    """Return a document with a footnote after some words, which python-docx cannot write."""
    mark = f'{after}</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r><w:r><w:t>'
    content = changed(
        content, "word/document.xml", lambda xml: xml.replace(f"{after}</w:t></w:r><", mark + "</w:t></w:r><")
    )
    content = changed(content, "word/footnotes.xml", lambda _: NOTES.format(note))
    return changed(content, "word/_rels/document.xml.rels", lambda xml: xml.replace("</Relationships>", RELATION))


def deck(*slides: tuple[str, str]) -> Any:
    """Return a presentation of titles and bodies."""
    made = Presentation()
    for title, body in slides:
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, body
    return made


def book(*sheets: tuple[str, list[list[Any]]]) -> Any:
    """Return a workbook of these sheets."""
    made = Workbook()
    made.remove(made.active)
    for name, rows in sheets:
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return made


OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>'
    'The Heron</dc:title></metadata><manifest>{}</manifest><spine toc="ncx">{}</spine></package>'
)
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OPS/b.opf"/></rootfiles></container>'
)


def novel(chapters: dict[str, str], titles: dict[str, str], **more: str) -> bytes:
    """Return a book of files in reverse order of their names in the package, and titles in its contents."""
    listed = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters
    )
    points = "".join(
        f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{name}.xhtml#top"/></navPoint>'
        for name, title in titles.items()
    )
    return packed(
        {
            "META-INF/container.xml": CONTAINER,
            "OPS/b.opf": OPF.format(
                listed + '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>',
                "".join(f'<itemref idref="{name}"/>' for name in chapters),
            ),
            "OPS/toc.ncx": '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://example.org/none.dtd">'
            f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points}</navMap></ncx>',
            **{f"OPS/{name}.xhtml": body for name, body in reversed(chapters.items())},
            **more,
        }
    )


def letter(subject: str, text: str, html: str = "", **attached: bytes) -> bytes:
    """Return a mail."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ana <ana@example.org>", "bo@example.org", subject
    made["Date"] = "Tue, 03 Mar 2026 09:05:00 +0100"
    if text:
        made.set_content(text, charset="iso-8859-1")
    if html:
        (made.add_alternative if text else made.set_content)(html, subtype="html")
    for name, content in attached.items():
        made.add_attachment(content, "application", "pdf", filename=f"{name}.pdf")
    return made.as_bytes()


def read(folder: Path, files: dict[str, bytes], **fields: Any) -> SourceContents:
    """Write, list and read files."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    source = Files(path=str(folder), **fields)
    return read_source(source, list_source(source)[0], lambda texts: [len(t) for t in texts])
