"""Tasks of `ingest` that read pictures: list a folder, and decode it into documents and working copies."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from configs.ingest import IngestLimits, Tables
from configs.pictures import PictureFiles, PictureHub, PictureSource, Symbols
from tasks.data.cells import CellRow, CellsRef, ReadCells
from tasks.data.documents import (
    REPEATED,
    Document,
    DocumentsRef,
    Item,
    Passage,
    PassagesRef,
    Rejected,
    RejectedRef,
    SnapshotRef,
)
from tasks.data.pictures import IngestedPictures, Picture, PicturesRef
from tasks.errors import ContractError, DataError, MissingExtra
from tasks.ingest.pictures.beside import Beside
from tasks.ingest.pictures.pdf_pages import file_of, page_name
from tasks.ingest.pictures.told import PictureWords, descriptions_of
from tasks.ingest.task import list_items
from tasks.ingest.task_rows import ingest_rows
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import collections, objects

if TYPE_CHECKING:
    from tasks.ingest.pictures.pdf_pages import PageOf
    from tasks.ingest.pictures.read import Decoded

COPIES = 1_024  # working copies in memory at a time, 15 to 100 kB each
FOLDER = "folder"  # of a picture below the source: often its class
PDF_TOO = ", or source.pages={} for pages of PDF files"
SHOWN = 5  # names of pictures that are described and not there


def name_of_pictures(source: PictureSource, collection: str | None) -> str:
    """Return the name of the collection pictures go into: the one given, else that of their folder.

    Raises:
        ContractError: The name given is no name.
    """
    if collection is not None:
        return collections.checked_name(collection)
    if isinstance(source, Symbols):
        return "symbols"
    place = _place(source).resolve()
    return collections.name_from(place.stem if place.is_file() else place.name)


def table_of(source: PictureSource) -> Tables | None:
    """Return the table that describes pictures; None where there is none."""
    return source.described if isinstance(source, PictureFiles) else None


def kept_columns(source: PictureSource) -> tuple[str, ...]:
    """Return the columns that become fields of pictures."""
    if isinstance(source, PictureHub):
        return source.keep
    table = table_of(source)
    return () if table is None else table.keep


def is_described(source: PictureSource) -> bool:
    """Return whether a source says what its pictures show."""
    return isinstance(source, Symbols) or table_of(source) is not None or getattr(source, "text", None) is not None


def _place(source: PictureFiles | PictureHub) -> Path:
    return Path(os.path.expanduser(source.dataset if isinstance(source, PictureHub) else source.path))


def list_pictures(source: PictureSource) -> SnapshotRef:
    """Describe what a folder holds now: name, size and digest of every picture. Never looked up, always done.

    Raises:
        DataError: The folder is not there, or holds no picture.
        MissingExtra: What decodes pictures is not installed.
    """
    from tasks.ingest.pictures.read import decoder
    from tasks.ingest.pictures.sources import list_source, patterns_of

    if isinstance(source, Symbols):
        decoder()
        _require_font()
        return objects.save_rows(SnapshotRef, Item, [])
    items, others = list_source(source)
    if not items and isinstance(source, PictureFiles):
        beside = f"; of other kinds it holds {others}" if others else ""
        raise DataError(
            f"source.path {source.path!r} holds no file like {', '.join(patterns_of(source))}{beside}; put pictures "
            f"there, name another source.path, or set source.patterns{'' if source.pages else PDF_TOO}"
        )
    return objects.save_rows(SnapshotRef, Item, items)


def other_files(source: PictureSource) -> int:
    """Return how many files of a folder are of other kinds, which are not read. Never looked up, always counted."""
    from tasks.ingest.pictures.sources import count_others

    return 0 if isinstance(source, Symbols) else count_others(source)


def read_queries(paths: Sequence[str]) -> PicturesRef:
    """Decode pictures that are asked for, so that tasks can refer to them. Never looked up, always read.

    Raises:
        ContractError: One cannot be read.
    """
    from tasks.ingest.pictures.copies import picture_of
    from tasks.ingest.pictures.limits import PictureLimits
    from tasks.ingest.pictures.read import decode

    made = []
    for path, got in zip(
        paths, decode([Path(os.path.expanduser(path)) for path in paths], PictureLimits()), strict=True
    ):
        if isinstance(got, Rejected):
            raise ContractError(f"the picture {path} {got.detail}")
        made.append(picture_of(got))
    return objects.save_rows(PicturesRef, Picture, made)


def _require_font() -> None:
    """Check that what draws symbols is installed.

    Raises:
        MissingExtra: It is not.
    """
    from importlib.util import find_spec

    if missing := [name for name in ("matplotlib", "fontTools") if find_spec(name) is None]:
        raise MissingExtra(f"source.kind=symbols needs {missing[0]}; pip install matplotlib, or give a folder")


def list_descriptions(table: Tables) -> SnapshotRef:
    """Describe the table of descriptions as it is now. Never looked up, always done.

    Raises:
        DataError: It is not there.
        ContractError: It has not the columns, or no column names files.
    """
    if table.id is None:
        raise ContractError("source.described.id is missing: name the column that holds the names of files")
    try:
        return list_items(table, [table.id, table.text, *table.keep])
    except ContractError as error:
        raise ContractError(str(error).replace("set source.delimiter", "set source.described.delimiter")) from error


def read_descriptions(table: Tables, limits: IngestLimits) -> ReadCells:
    """Read the rows of the table of descriptions; rows of the same words stay."""
    return ingest_rows(list_descriptions(table), table, [str(table.id), table.text, *table.keep], limits)


@step(name="ingest-pictures", libraries=("pillow",))
def ingest_pictures(
    snapshot: SnapshotRef, described: CellsRef | None, source: PictureSource, side: int | None = None
) -> IngestedPictures:
    """Decode the pictures of a listed folder; reject what cannot be decoded, with the reason.

    Args:
        snapshot: What `list_pictures` found.
        described: Rows of the table of descriptions; None where there is none.
        source: How to read it.
        side: Pixels of the shorter side of working copies at most; None for those that encoders are given, which have
            256 at least where the original has, and of a JPEG up to 511.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    if isinstance(source, Symbols):
        from tasks.ingest.pictures.copies import symbols

        made = symbols(source.side, source.limit)
        signs = [_document(name, PictureWords(said, {}), picture, "DejaVu Sans") for name, said, picture in made]
        drawn = objects.save_stream(PicturesRef, Picture, (picture for *_, picture in made), group=COPIES)
        return _stored(signs, drawn, [], Beside())
    items = objects.load_rows(snapshot, Item)
    rows = objects.load_rows(described, CellRow) if described is not None else []
    beside, table = Beside(), table_of(source)
    if table is not None:
        beside.words, beside.unread = descriptions_of(rows, table)
    files = {item.name for item in items}
    if beside.words and not any(file_of(name) in files or name in files for name in beside.words):
        raise DataError(
            f"no description is of a picture there is: source.described names {next(iter(beside.words))!r} but the "
            f"folder holds {items[0].name!r}; its id column must name files below the folder"
        )
    documents: list[Document] = []
    rejected: list[Rejected] = []
    found = _read(items, source, side, beside, documents, rejected)
    pictures = objects.save_stream(PicturesRef, Picture, found, group=COPIES)
    _refuse_bad(documents, rejected, source.max_rejected_share)
    return _stored(documents, pictures, rejected, beside)


def _refuse_bad(documents: Sequence[Document], rejected: Sequence[Rejected], most: float) -> None:
    """Refuse a source of which too little can be read; a picture that repeats another can be."""
    bad, every = [row for row in rejected if row.reason not in REPEATED], len(documents) + len(rejected)
    if not documents or len(bad) / every > most:
        reasons = ", ".join(f"{n} {reason}" for reason, n in Counter(row.reason for row in bad).most_common(3))
        first = f"{reasons}; first: {bad[0].item} {bad[0].detail}" if bad else "there is no row"
        raise DataError(
            f"{len(bad)} of {every} pictures cannot be read ({first}); mend them, or raise source.max_rejected_share"
        )


def _read(
    items: list[Item], source: PictureFiles | PictureHub, side: int | None, beside: Beside, documents: list[Document],
    rejected: list[Rejected],
) -> Iterator[Picture]:  # fmt: skip
    """Yield pictures as they are decoded, so that few are in memory, and put what else is found into the lists."""
    from tasks.ingest.pictures.copies import picture_of
    from tasks.ingest.pictures.read import decode_from
    from tasks.ingest.pictures.sources import limits_of, opened_source

    limits, of = limits_of(source), _name_of_place(source)
    if side is not None:
        limits = replace(limits, side=side, exact=True)
    first: dict[str, int] = {}
    with (
        progress("decode", len(items), "pictures") as advance,
        opened_source(source, items, limits, beside) as sources,
    ):
        for got in decode_from(sources, limits):
            if isinstance(got, Rejected):
                rejected.append(got)
                advance(file_of(got.item) == got.item)
                continue
            page, said = beside.pages.get(got.name), beside.words.get(got.name)
            advance(page is None or page.number == 1)
            if page is not None:
                got = replace(got, kind="pdf", notes=tuple(filter(None, (page.note, *got.notes))))
            at = first.setdefault(got.digest, len(documents))
            if at < len(documents):
                same = documents[at]
                rejected.append(Rejected(got.name, "duplicate", f"shows what {same.id} shows, to the pixel"))
                if said is not None and not same.text:  # words of a picture are not lost with its copy
                    documents[at] = replace(_document(same.id, said, got, of), meta=said.meta | same.meta)
                continue
            documents.append(_document(got.name, said, got, of, page))
            yield picture_of(got)


def _name_of_place(source: PictureFiles | PictureHub) -> str:
    """Return the name of the folder, file or data set that pictures are of."""
    place = _place(source)
    return place.name if isinstance(source, PictureHub) and not place.exists() else place.resolve().name


def _document(
    name: str, said: PictureWords | None, picture: "Picture | Decoded", source: str, page: "PageOf | None" = None
) -> Document:
    size = {"width": str(picture.width), "height": str(picture.height), "pixels": picture.digest}
    text, meta = (said.text, said.meta) if said is not None else ("", {})
    if folder := Path(name).parent.name:  # a column of that name comes first
        meta = {FOLDER: folder, **meta}
    path, title = name, Path(name).stem
    if page is not None:
        path, title = page.file, page_name(Path(page.file).stem, page.number)
        size |= {"page": str(page.number), "pages": f"0:{page.number}"}
    return Document(name, text, title, source, path, 0, "picture", meta=meta | size)


def _stored(
    documents: list[Document], pictures: PicturesRef, rejected: list[Rejected], beside: Beside
) -> IngestedPictures:
    names = {document.id for document in documents} | {one.item for one in rejected}
    described = sum(bool(d.text) for d in documents)
    passages = (Passage(f"{d.id}#0", d.id, row, 0, len(d.text), "", d.text, 0) for row, d in enumerate(documents))
    told = {name for name, words in beside.words.items() if words.text}
    unknown = sorted(beside.words.keys() - names)
    lost = max(0, len(told & names) - described)
    counts = {"described": described, "unknown": len(unknown), "descriptions_lost": lost, "pages": len(beside.pages),
              "left_out": beside.left_out}  # fmt: skip
    steps.log_metrics(pictures=len(documents), rejected=len(rejected), rejected_rows=len(beside.unread), **counts)
    return IngestedPictures(
        documents=objects.save_rows(DocumentsRef, Document, documents),
        passages=objects.save_stream(PassagesRef, Passage, passages, group=COPIES),
        pictures=pictures,
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
        rejected_rows=objects.save_rows(RejectedRef, Rejected, beside.unread),
        described=described, unknown=len(unknown), examples=tuple(unknown[:SHOWN]), lost=lost,
        left_out=beside.left_out,
    )  # fmt: skip
