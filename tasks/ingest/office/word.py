"""Read a Word file: `mammoth` makes HTML of it, and the reader of HTML pages reads that.

Headings are found by the names of their styles, which are English in every language of Word. Notes stand after the
paragraph that has their mark.
"""

import html
import io
import re
import zipfile
from typing import Any

from tasks.ingest.html import read_html
from tasks.ingest.office.contents import OfficeContents
from tasks.ingest.office.grid import names_columns
from tasks.ingest.office.package import count_parts

STYLES = "\n".join(
    ["p[style-name='Title'] => h1:fresh", "p[style-name='Heading'] => h2:fresh", "b =>", "i =>"]
    + [f"p[style-name='heading {level}'] => h{min(level + 1, 6)}:fresh" for level in range(1, 10)]
)
MARK = re.compile(r'<sup><a href="#((?:foot|end)note-[^"]+)"[^>]*>\[(\d+)\]</a></sup>')
NOTE = re.compile(r'<li id="((?:foot|end)note-[^"]+)">(.*?)</li>', re.DOTALL)
BACK = re.compile(r'<a href="#(?:foot|end)note-ref-[^"]+">[^<]*</a>')
ITEM = "-"  # before an item of a list, whose own number is not read
BLOCK_END = re.compile(r"</(?:p|h\d|li|td|th)>")
FIRST_ROW = re.compile(r"<table><tr>(.*?)</tr>(?=<tr>)", re.DOTALL)
CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
DELETION = re.compile(rb"<w:(?:del|moveFrom)\s")
HIDDEN = re.compile(rb"<w:(?:webH|specV|v)anish\b")
HARMLESS = ("Unrecognised paragraph style", "Unrecognised run style", "Image of type")  # what they name is read
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def read(package: zipfile.ZipFile) -> OfficeContents:
    """Return the text of a Word file with its headings, lists, tables, text boxes and notes."""
    import mammoth

    found = OfficeContents()
    pictures = 0

    def picture(_: Any) -> list[Any]:
        nonlocal pictures
        pictures += 1
        return []

    made = mammoth.convert_to_html(_visible(package, found), style_map=STYLES, convert_image=picture)
    page = read_html(_with_notes(FIRST_ROW.sub(_named, made.value.replace("<li>", f"<li>{ITEM} "))))
    found.title, found.text, found.headings, counts = page.title, page.text, page.headings, page.counts
    found.counts += counts
    lost = [m.message for m in made.messages if not m.message.startswith(HARMLESS)]
    found.leave("pictures", pictures, "picture")
    found.leave("charts", count_parts(package, r"word/(?:charts/chart|diagrams/data)\d*\.xml"), "chart or diagram")
    found.leave("margins", count_parts(package, r"word/(?:header|footer)\d*\.xml"), "header or footer")
    found.leave("list_numbers", made.value.count("<ol>") - made.value.count('<ol><li id="'), "list",
                " without the numbers of its items")  # fmt: skip
    found.leave("odd_parts", len(lost), "part", f" that mammoth does not know ({lost[0][:100]})" if lost else "")
    return found


def _visible(package: zipfile.ZipFile, found: OfficeContents) -> io.BytesIO:
    """Return the package without text that is formatted as hidden; deletions that are tracked are only counted."""
    from lxml import etree

    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as copied:
        for name in package.namelist():
            part = package.read(name)
            if name.startswith("word/") and name.endswith(".xml"):
                found.counts["deletions"] += len(DELETION.findall(part))
                if HIDDEN.search(part):
                    tree = etree.fromstring(part, etree.XMLParser(resolve_entities=False, huge_tree=False))
                    part = _without_hidden(tree, found)
            copied.writestr(name, part)
    kept.seek(0)
    return kept


def _without_hidden(tree: Any, found: OfficeContents) -> bytes:
    from lxml import etree

    letters = 0
    for run in list(tree.iter(f"{W}r")):
        mark = run.find(f"{W}rPr/{W}vanish")
        if mark is not None and mark.get(f"{W}val", "1") not in ("0", "false", "off"):
            letters += sum(len(text.text or "") for text in run.iter(f"{W}t"))
            run.getparent().remove(run)
    found.leave("hidden", letters, "character", " of hidden text")
    return bytes(etree.tostring(tree))


def _with_notes(markup: str) -> str:
    """Return the page with each note after the paragraph that has its mark, which then is text."""
    notes = {name: TAG.sub(" ", BACK.sub("", text)) for name, text in NOTE.findall(markup)}
    markup = NOTE.sub("", markup)
    parts: list[str] = []
    waiting: list[str] = []
    done = 0
    while done < len(markup):
        mark, end = MARK.search(markup, done), BLOCK_END.search(markup, done)
        if mark is not None and (end is None or mark.start() < end.start()):
            parts += markup[done : mark.start()], f" (note {mark[2]})"
            waiting.append(f"<p>Note {mark[2]}: {notes.get(mark[1], '')}</p>")
            done = mark.end()
        elif end is not None:
            parts += markup[done : end.end() if end[0].startswith(("</p", "</h")) else end.start()], *waiting
            parts += [] if end[0].startswith(("</p", "</h")) else [end[0]]
            waiting, done = [], end.end()
        else:
            parts.append(markup[done:])
            break
    return "".join(parts)


def _named(match: re.Match[str]) -> str:
    """Return the first row of a table as its header, where its cells name columns; Word seldom says so."""
    cells = [html.unescape(TAG.sub("", cell)).strip() for cell in CELL.findall(match[1])]
    if not (all(cells) and names_columns(cells)):
        return match[0]
    return match[0].replace("<td", "<th").replace("</td>", "</th>")
