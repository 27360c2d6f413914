"""Pages of PDF files as pictures: rendered in a process of their own, then decoded and shrunk as any picture is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from configs.pictures import PdfPages
from tasks.data.documents import Rejected
from tasks.ingest.pdf import render
from tasks.ingest.pdf.rendered import RenderedPage, RenderLimits, count_pages, render_pages
from tasks.ingest.pictures.read import Source

AT_ONCE = 4  # pages rendered by one process
MAX_PIXELS = 8_000_000  # of a page; working copies are far smaller, and four pages in colour are 96 MB


@dataclass(frozen=True, slots=True)
class PageOf:
    """Where a picture stands that is a page.

    Attributes:
        file: Name of the PDF.
        number: From 1.
        note: What a person should know of how it was rendered; empty for nothing.
    """

    file: str
    number: int
    note: str = ""


def is_pdf(name: str) -> bool:
    """Return whether a name promises a PDF."""
    return name.lower().endswith(".pdf")


def page_name(file: str, number: int) -> str:
    """Return what a page is called."""
    return f"{file} page {number}"


def file_of(name: str) -> str:
    """Return the file of a page by its name; of other pictures their name."""
    return name.rpartition(" page ")[0] or name


def with_pages(
    sources: Iterable[tuple[str, Source]], asked: PdfPages | None, timeout_s: float, pages: dict[str, PageOf]
) -> Iterator[tuple[str, Source]]:
    """Yield sources of pictures, in place of each PDF those of its pages.

    Args:
        sources: Names of files and what reads them.
        asked: How pages are rendered; None leaves all as it is.
        timeout_s: Seconds of processor time that four pages may take.
        pages: Where each page is put down by its name, before it is yielded.
    """
    for name, source in sources:
        if asked is None or not is_pdf(name):
            yield name, source
            continue
        content = source()
        if isinstance(content, Rejected):
            yield name, _given(content)
            continue
        limits = RenderLimits(asked.dpi, timeout_s, MAX_PIXELS, colour=True)
        for number, found in _pages(name, content, asked, limits):
            if isinstance(found, Rejected):
                yield found.item, _given(found)
            else:
                called = page_name(name, number)
                pages[called] = PageOf(name, number, _note(found, asked))
                yield called, _given(_written(found))


def _given(found: bytes | Rejected) -> Source:
    return lambda: found


def _pages(
    name: str, content: bytes, asked: PdfPages, limits: RenderLimits
) -> Iterator[tuple[int, RenderedPage | Rejected]]:
    """Yield each page with its number; where the file cannot be read, why, once."""
    count = count_pages(content, limits)
    if isinstance(count, str):
        yield 0, Rejected(name, count, render.REFUSED[count])  # type: ignore[arg-type]
        return
    if count > asked.max_pages:
        detail = f"has {count:,} pages, over {asked.max_pages:,}; raise source.pages.max_pages"
        yield 0, Rejected(name, "too-large", detail)
        return
    for start in range(1, count + 1, AT_ONCE):
        wanted = range(start, min(start + AT_ONCE, count + 1))
        found = {page.number: page for page in render_pages(content, wanted, limits)}
        for number in wanted:  # alone too: one that fails takes others with it
            page = found.get(number) or next(render_pages(content, [number], limits), None)
            detail = f"was not rendered in {limits.seconds:g} s; raise source.timeout_s, or save the file anew"
            yield number, page or Rejected(page_name(name, number), "unreadable", detail)


def _note(page: RenderedPage, asked: PdfPages) -> str:
    dpi = render.POINTS / page.points
    if round(dpi) >= asked.dpi:
        return ""
    return f"is so large that it was rendered at {dpi:.0f} dots an inch, not at {asked.dpi}"


def _written(page: RenderedPage) -> bytes:
    """Return a page as a PPM file, which costs no time to write."""
    rows, columns, _ = page.pixels.shape
    return f"P6\n{columns} {rows}\n255\n".encode() + page.pixels.tobytes()
