"""List and open any source of pictures: a folder, an archive, a table, a PDF or a data set of the hub."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from configs.pictures import PictureFiles, PictureHub
from tasks.data.documents import Item
from tasks.ingest import files
from tasks.ingest.pdf.rendered import renderer
from tasks.ingest.pictures import archive, hub_rows, table
from tasks.ingest.pictures.beside import Beside
from tasks.ingest.pictures.limits import PictureLimits
from tasks.ingest.pictures.pdf_pages import is_pdf, with_pages
from tasks.ingest.pictures.read import Source, decoder, listed_file

MEGABYTE = 1_000_000


def place_of(source: PictureFiles) -> Path:
    """Return where the folder or file is; `~` is the home of a user."""
    return Path(os.path.expanduser(source.path))


def patterns_of(source: PictureFiles) -> tuple[str, ...]:
    """Return the patterns of file names that are read."""
    return source.patterns if source.pages is None else (*source.patterns, "*.pdf")


def limits_of(source: PictureFiles | PictureHub) -> PictureLimits:
    """Return what a picture of a source may cost."""
    limit = int(source.max_file_mb * MEGABYTE)
    return PictureLimits(max_pixels=source.max_pixels, max_bytes=limit, timeout_s=source.timeout_s)


def list_source(source: PictureFiles | PictureHub) -> tuple[list[Item], int]:
    """Return what a source holds now, with digests, and how many files it holds of other kinds.

    Raises:
        DataError: It is not there.
        ContractError: It has not the columns.
        MissingExtra: What decodes or renders is not installed.
    """
    reader = decoder()
    if isinstance(source, PictureHub):
        return [replace(item, reader=f"{item.reader}; {reader}") for item in hub_rows.list_rows(source)], 0
    if source.pages is not None:
        reader = f"{reader}; {renderer()}"
    root, limits, others = place_of(source), limits_of(source), 0
    if table.is_table(root):
        items = table.list_table(root.resolve(), source, limits)
    elif _is_lone_pdf(root, source):
        items = [files.describe_file(root.resolve(), root.name, limits.max_bytes)]
    elif root.is_file():
        items, others = archive.list_archive(root, patterns_of(source), limits)
    else:
        items, others = files.list_folder(root, patterns_of(source), limits.max_bytes)
    return [replace(item, reader=reader) for item in items], others


def count_others(source: PictureFiles | PictureHub) -> int:
    """Return how many files of a folder or an archive are of other kinds, which are not read."""
    if isinstance(source, PictureHub) or table.is_table(place_of(source)) or _is_lone_pdf(place_of(source), source):
        return 0
    place = place_of(source).resolve()
    return (archive.count_other_members if place.is_file() else files.count_others)(place, patterns_of(source))


@contextmanager
def opened_source(
    source: PictureFiles | PictureHub, items: Sequence[Item], limits: PictureLimits, beside: Beside
) -> Iterator[Iterable[tuple[str, Source]]]:
    """Give each picture of a listed source with what reads it, pages of a PDF one by one.

    Args:
        source: How to read it.
        items: What `list_source` found.
        limits: What a picture may cost.
        beside: Where is put down what is said beside the pixels.
    """
    if isinstance(source, PictureHub):
        listed_as = [replace(item, reader=item.reader.partition("; ")[0]) for item in items]
        yield hub_rows.rows_of(source, listed_as, limits, beside)
        return
    root = place_of(source).resolve()
    if table.is_table(root):
        yield table.listed_rows(root, source, items, limits)
    elif root.is_file() and not _is_lone_pdf(root, source):
        with archive.opened(root) as members:
            listed = archive.listed_members(members, items, limits)
            yield with_pages(listed, source.pages, source.timeout_s, beside.pages)
    else:
        folder = root.parent if root.is_file() else root
        listed = ((item.name, listed_file(folder, item)) for item in items)
        yield with_pages(listed, source.pages, source.timeout_s, beside.pages)


def _is_lone_pdf(place: Path, source: PictureFiles) -> bool:
    return source.pages is not None and place.is_file() and is_pdf(place.name)
