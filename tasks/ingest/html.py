"""Read an HTML page as a person sees it: blocks apart, tables row by row, raised numbers marked, navigation left out.

The tokenizer is the standard library's, and no tree is built: parsers that build the tree of the HTML standard take
minutes or gigabytes for a page of unclosed tags, and `lxml` drops what is nested more than 256 deep. All work here is
linear in the length of the page.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tasks.ingest import html_regions
from tasks.ingest.html_regions import VOID, HtmlRegion
from tasks.ingest.html_tables import HtmlBlock, HtmlCell, HtmlRow, OpenTable, blocks_of, span
from tasks.ingest.letters import mend_letters
from tasks.ingest.sections import Heading, title_of

MARKUP = re.compile(  # comments, scripts and declarations; one that is never closed reaches to the end
    r"<!--.*?(?:-->|\Z)|<(script|style)(?![\w-]).*?(?:</\1(?![\w-])[^>]*(?:>|\Z)|\Z)|<[!?][^>]*(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
BLOCKS = {
    "p", "div", "li", "ul", "ol", "table", "section", "article", "header", "footer", "blockquote", "pre", "h1",
    "h2", "h3", "h4", "h5", "h6", "dt", "dd", "dl", "main", "aside", "nav", "figure", "figcaption", "hr", "title",
    "body", "html", "form", "fieldset", "legend", "label", "textarea", "select", "option", "optgroup", "button",
    "details", "summary", "address", "dialog", "center", "caption", "thead", "tbody", "tfoot", "tr", "td", "th",
    "menu", "video", "audio", "canvas",
}  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
CODE = ("pre", "textarea")
IN_HEADINGS = ("button", "div", "label")  # in a heading they are part of it
DEEPEST_TABLE = 8  # tables in tables; deeper ones are read as blocks
BREAK = "\0"  # no page holds one: it would have been rejected
NOTE = re.compile(r"[\[(]?[\d,*\u2020\u2021\u00a7\u00b6]+[\])]?")
RAISED = str.maketrans(
    "0123456789+-\u2212=()",
    "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207b\u207c\u207d\u207e",
)
LOWERED = str.maketrans(
    "0123456789+-\u2212=()",
    "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b\u208b\u208c\u208d\u208e",
)
SIGNS = re.compile(r"[0-9+\-\u2212=()]+")
ORDINALS = {"st", "nd", "rd", "th", "er", "re", "e", "o", "a", "\u00ba", "\u00aa", "tm", "\u2122", "\u00ae"}
CLOSING = ".,;:!?)\"'\u2019\u201d"
REFERENCE = "noteref"  # what EPUB (epub:type) and DPUB-ARIA (role) call a link to a note
LONGEST_RAISED = 12  # characters; longer is text


@dataclass(slots=True)
class HtmlPage:
    """What a page shows.

    Attributes:
        title: As it states it, else its only outermost heading; empty where it has neither.
        text: Its blocks, a blank line between them.
        headings: Where they stand in the text.
        counts: Characters left out as `navigation`, `banners` and `unseen`; `footnote_marks`, `scripts`, what was
            mended.
    """

    title: str
    text: str
    headings: list[Heading]
    counts: Counter[str] = field(default_factory=Counter)


def read_html(markup: str) -> HtmlPage:
    """Read a page: its text, title and headings, and how much of it was left out."""
    counts: Counter[str] = Counter()

    def dropped(match: re.Match[str]) -> str:
        counts["scripts"] += match[1] is not None
        return ""

    markup = MARKUP.sub(dropped, markup)
    whole = markup.rfind(">") + 1
    reader = _Reader(counts)
    reader.feed(markup[:whole] + markup[whole:].replace("<", "&lt;"))  # no tag is closed after the last >
    reader.close()
    blocks = reader.finish()
    text, *texts = mend_letters([" ".join("".join(reader.title).split()), *(b.text for b in blocks)], counts)
    return _page(text, list(zip(blocks, texts, strict=True)), counts)


def plain_html(markup: str) -> tuple[str, str]:
    """Return the text of a page and its title."""
    page = read_html(markup)
    return page.text, page.title


def _page(title: str, blocks: list[tuple[HtmlBlock, str]], counts: Counter[str]) -> HtmlPage:
    parts: list[str] = []
    headings: list[Heading] = []
    length = 0
    for block, text in blocks:
        between = "" if not parts else "\n" if block.follows else "\n\n"
        parts += (between, text)
        length += len(between) + len(text)
        if block.level:
            headings.append(Heading(block.level, " ".join(text.split()), length - len(text), length))
    return HtmlPage(title or title_of(headings, ""), "".join(parts), headings, +counts)


class _Reader(HTMLParser):
    """Turns the tags and texts of a page into blocks."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.counts = counts
        self.title: list[str] = []
        self.blocks: list[HtmlBlock] = []
        self.regions: list[HtmlRegion] = []
        self.seen: list[HtmlRegion] = []
        self.tables: list[OpenTable] = []
        self.words: list[str] = []  # of the block that is open
        self.in_title = False
        self.level = 0
        self.code = 0
        self.linked = 0
        self.follows = False
        self.after_link = False
        self.raised: tuple[str, list[str]] | None = None
        self.skipped_tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_title = False
        if self.regions and tag not in VOID and self.regions[-1].opens(tag):
            self._end_region()
        if tag not in VOID and (kind := html_regions.kind_of(tag, dict(attrs) if attrs else {})):
            self._start_region(HtmlRegion(kind, tag))
        if tag == "title":
            self.in_title = not self.regions
        elif tag in BLOCKS:
            self._start_block(tag, attrs)
        else:
            self._start_inline(tag, attrs)

    def _start_inline(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.words.append("\n" if self.code else BREAK)
        elif tag in ("sup", "sub"):
            self._end_raised()
            self.raised = tag, []
        elif tag == "a":
            self.linked += 1
            if self.raised is None and _is_reference(attrs):
                self.raised = REFERENCE, []
            elif self.after_link:
                self.words.append(" ")
        elif tag in ("rt", "img", "input"):
            self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.in_title = False
        if tag in BLOCKS and tag != "title":
            self._close_block(tag)
        elif tag in ("sup", "sub"):
            self._end_raised()
        elif tag == "a":
            self.linked = max(0, self.linked - 1)
            self.after_link = True
            if self.raised is not None and self.raised[0] == REFERENCE:
                self._end_raised()
        elif tag == "rt":
            self.words.append(" ")
        if self.regions and self.regions[-1].closes(tag):
            self._end_region()

    def handle_data(self, data: str) -> None:
        self.after_link = False
        if self.in_title:
            self.title.append(data)
            return
        if self.regions:
            self.regions[-1].takes(data, linked=bool(self.linked))
        if self.raised is not None:
            self.raised[1].append(data)
        else:
            self.words.append(data)

    def finish(self) -> list[HtmlBlock]:
        """End what is open, and return the blocks that are not left out."""
        self._end_block()
        while self.tables:
            self._end_table()
        kept = [b for b in self.blocks if not (b.region is not None and b.region.left_out)]
        if not kept:  # a page that is all navigation
            for region in self.seen:
                region.left_out = region.left_out and region.kind == "unseen"
            kept = [b for b in self.blocks if not (b.region is not None and b.region.left_out)]
        for region in self.seen:
            self.counts[region.kind] += region.characters if region.left_out else 0
        return kept

    def _start_block(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.linked += tag == "button"
        if self.level and tag in IN_HEADINGS:
            self.words.append(" ")
            return
        self._end_block()
        if tag in HEADINGS:
            self.level = HEADINGS[tag]
            if self.tables:
                self.tables[-1].nests = True
        elif tag in CODE:
            self.code += 1
        elif tag == "table":
            self._start_table()
        elif self.tables and not self.skipped_tables:
            self._table_part(tag, dict(attrs))
        self.follows = tag == "dd" or (self.follows and tag != "dt")

    def _close_block(self, tag: str) -> None:
        if tag == "button":
            self.linked = max(0, self.linked - 1)
        if self.level and tag in IN_HEADINGS:
            self.words.append(" ")
            return
        self._end_block()
        if tag in HEADINGS or tag == "dd":
            self.level, self.follows = 0, False
        elif tag in CODE:
            self.code = max(0, self.code - 1)
        elif tag == "table" and self.skipped_tables:
            self.skipped_tables -= 1
        elif self.tables and not self.skipped_tables:
            self._close_table_part(tag)

    def _close_table_part(self, tag: str) -> None:
        table = self.tables[-1]
        if tag == "table":
            self._end_table()
        if tag in ("td", "th", "caption", "tr"):
            table.cell = None
        if tag in ("thead", "tr", "caption"):
            table.in_head = table.in_head and tag != "thead"
            table.rows.append(HtmlRow(table.in_head))

    def _start_table(self) -> None:
        if len(self.tables) >= DEEPEST_TABLE:
            self.skipped_tables += 1
            return
        if self.tables:
            self.tables[-1].nests = True
        self.tables.append(OpenTable(self.regions[-1] if self.regions else None, len(self.regions)))

    def _table_part(self, tag: str, attributes: dict[str, str | None]) -> None:
        table = self.tables[-1]
        if tag in ("thead", "tbody", "tfoot"):
            table.in_head, table.cell = tag == "thead", None
        if tag in ("thead", "tbody", "tfoot", "tr", "caption"):
            table.rows.append(HtmlRow(table.in_head, tag == "caption"))
            table.cell = None
        if tag in ("td", "th", "caption"):
            if not table.rows:
                table.rows.append(HtmlRow(table.in_head))
            table.cell = HtmlCell(tag == "th", span(attributes.get("colspan")), span(attributes.get("rowspan")))
            table.rows[-1].cells.append(table.cell)

    def _end_table(self) -> None:
        table = self.tables.pop()
        while len(self.regions) > table.regions:  # what was opened in a table ends with it
            self.regions.pop().end()
        self._sink().extend(blocks_of(table))

    def _sink(self) -> list[HtmlBlock]:
        if not self.tables:
            return self.blocks
        table = self.tables[-1]
        if table.cell is None:  # text between rows
            table.cell = HtmlCell()
            table.rows.append(HtmlRow(cells=[table.cell]))
        return table.cell.blocks

    def _end_block(self) -> None:
        self._end_raised()
        self.after_link = False
        if self.words:
            joined, self.words = "".join(self.words), []
            text = _code(joined) if self.code else _lines(joined)
            if text:
                region = self.regions[-1] if self.regions else None
                block = HtmlBlock(text, region, self.level, bool(self.code), self.follows)
                self._sink().append(block)
                self.level, self.follows = 0, False

    def _end_raised(self) -> None:
        """Write a superscript or subscript as one; leave out the mark of a footnote, and count it."""
        if self.raised is None:
            return
        (tag, parts), self.raised = self.raised, None
        text = "".join(parts)
        plain = " ".join(text.split())
        before = "".join(self.words[-2:])[-40:]
        if not plain or len(plain) > LONGEST_RAISED or plain.lower() in ORDINALS:
            self.words.append(text)
        elif NOTE.fullmatch(plain) and (tag == REFERENCE or (tag == "sup" and _is_noted(before))):
            self.counts["footnote_marks"] += 1
        elif SIGNS.fullmatch(plain):
            self.words.append(plain.translate(LOWERED if tag == "sub" else RAISED))
        else:
            self.words.append(f"{'_' if tag == 'sub' else '^'}{plain}" if before.strip() else f" {plain} ")

    def _start_region(self, region: HtmlRegion) -> None:
        """Open a region; in one that is open already only what is not shown is another."""
        within = self.regions[-1].kind if self.regions else ""
        if not within or (region.kind == "unseen" and within != "unseen"):
            self._end_block()
            self.regions.append(region)
            self.seen.append(region)

    def _end_region(self) -> None:
        self._end_block()
        self.regions.pop().end()


def _lines(text: str) -> str:
    """Return a paragraph with single blanks; only stated line breaks break it."""
    return "\n".join(line for part in text.split(BREAK) if (line := " ".join(part.split())))


def _code(text: str) -> str:
    lines = [line.rstrip() for line in text.replace(BREAK, "\n").split("\n")]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return "\n".join(lines)


def _is_reference(attrs: list[tuple[str, str | None]]) -> bool:
    """Return whether a link says that it leads to a note."""
    said = [value or "" for name, value in attrs if name in ("epub:type", "role")]
    return not {REFERENCE, f"doc-{REFERENCE}"}.isdisjoint(" ".join(said).split())


def _is_noted(before: str) -> bool:
    """Return whether a raised number after this is a mark: after a word or a sentence, not a number or a unit."""
    stem = before.rstrip(CLOSING)
    return bool(before.strip()) and (stem != before or (len(stem) >= 3 and stem[-3:].isalpha()))
