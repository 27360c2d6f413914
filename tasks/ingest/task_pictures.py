"""Tasks of `ingest` that read pictures: list a folder, and decode it into documents and working copies."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from configs.ingest import IngestLimits, Tables
from configs.pictures import PictureFiles, PictureSource, Symbols
from tasks.data.cells import CellRow, CellsRef, ReadCells
from tasks.data.documents import Document, DocumentsRef, Item, Passage, PassagesRef, Rejected, RejectedRef, SnapshotRef
from tasks.data.pictures import IngestedPictures, Picture, PicturesRef
from tasks.errors import ContractError, DataError, MissingExtra
from tasks.ingest.pictures.told import PictureWords, descriptions_of
from tasks.ingest.task import list_items
from tasks.ingest.task_rows import ingest_rows
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import collections, objects

if TYPE_CHECKING:
    from tasks.ingest.pictures.limits import PictureLimits
    from tasks.ingest.pictures.read import Decoded

MEGABYTE = 1_000_000
COPIES = 1_024  # working copies in memory at a time, some 15 kB each
FOLDER = "folder"  # of a picture below the source: often its class
SIDE = 256  # pixels of the shorter side of working copies: what the picture encoders were measured with
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
    place = place_of(source).resolve()
    return collections.name_from(place.stem if place.is_file() else place.name)


def place_of(source: PictureFiles) -> Path:
    """Return where the folder or archive is; `~` is the home of a user."""
    return Path(os.path.expanduser(source.path))


def list_pictures(source: PictureSource) -> SnapshotRef:
    """Describe what a folder holds now: name, size and digest of every picture. Never looked up, always done.

    Raises:
        DataError: The folder is not there, or holds no picture.
        MissingExtra: What decodes pictures is not installed.
    """
    from tasks.ingest import files
    from tasks.ingest.pictures import table
    from tasks.ingest.pictures.archive import list_archive
    from tasks.ingest.pictures.read import decoder

    reader = decoder()
    if isinstance(source, Symbols):
        _require_font()
        return objects.save_rows(SnapshotRef, Item, [])
    root = place_of(source)
    if table.is_table(root):
        items, others = table.list_table(root.resolve(), source, _limits(source)), 0
    elif root.is_file():
        items, others = list_archive(root, source.patterns, _limits(source))
    else:
        items, others = files.list_folder(root, source.patterns, int(source.max_file_mb * MEGABYTE))
    if not items:
        beside = f"; of other kinds it holds {others}" if others else ""
        raise DataError(
            f"source.path {source.path!r} holds no file like {', '.join(source.patterns)}{beside}; put pictures "
            "there, name another source.path, or set source.patterns"
        )
    return objects.save_rows(SnapshotRef, Item, [_read_by(item, reader) for item in items])


def other_files(source: PictureSource) -> int:
    """Return how many files of a folder are of other kinds, which are not read. Never looked up, always counted."""
    from tasks.ingest.files import count_others
    from tasks.ingest.pictures.archive import count_other_members
    from tasks.ingest.pictures.table import is_table

    if isinstance(source, Symbols) or is_table(place := place_of(source).resolve()):
        return 0
    return (count_other_members if place.is_file() else count_others)(place, source.patterns)


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


def _read_by(item: Item, reader: str) -> Item:
    return replace(item, reader=reader)


def _limits(source: PictureFiles) -> "PictureLimits":
    from tasks.ingest.pictures.limits import PictureLimits

    limit = int(source.max_file_mb * MEGABYTE)
    return PictureLimits(max_pixels=source.max_pixels, max_bytes=limit, timeout_s=source.timeout_s)


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
    snapshot: SnapshotRef, described: CellsRef | None, source: PictureSource, side: int = SIDE
) -> IngestedPictures:
    """Decode the pictures of a listed folder; reject what cannot be decoded, with the reason.

    Args:
        snapshot: What `list_pictures` found.
        described: Rows of the table of descriptions; None where there is none.
        source: How to read it.
        side: Pixels of the shorter side of working copies; a smaller picture is not enlarged.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    if isinstance(source, Symbols):
        from tasks.ingest.pictures.copies import symbols

        made = symbols(source.side, source.limit)
        signs = [_document(name, PictureWords(said, {}), picture, "DejaVu Sans") for name, said, picture in made]
        drawn = objects.save_stream(PicturesRef, Picture, (picture for *_, picture in made), group=COPIES)
        return _stored(signs, drawn, [], [], {}, set())
    items = objects.load_rows(snapshot, Item)
    rows = objects.load_rows(described, CellRow) if described is not None else []
    told, unread = descriptions_of(rows, source.described) if source.described is not None else ({}, [])
    names = {item.name for item in items}
    if told and not told.keys() & names:
        raise DataError(
            f"no description is of a picture there is: source.described names {next(iter(told))!r} but the folder "
            f"holds {items[0].name!r}; its id column must name files below the folder"
        )
    documents: list[Document] = []
    rejected: list[Rejected] = []
    found = _read(items, source, replace(_limits(source), side=side), told, documents, rejected)
    pictures = objects.save_stream(PicturesRef, Picture, found, group=COPIES)
    if not documents or len(rejected) / len(items) > source.max_rejected_share:
        first = f"{rejected[0].item} {rejected[0].detail}"
        raise DataError(
            f"{len(rejected)} of {len(items)} pictures cannot be read (first: {first}); mend them, or raise "
            "source.max_rejected_share"
        )
    return _stored(documents, pictures, rejected, unread, told, names)


def _read(
    items: list[Item], source: PictureFiles, limits: "PictureLimits", told: Mapping[str, PictureWords],
    documents: list[Document], rejected: list[Rejected],
) -> Iterator[Picture]:  # fmt: skip
    """Yield pictures as they are decoded, so that few are in memory, and put what else is found into two lists."""
    from tasks.ingest.pictures.archive import listed_members, opened
    from tasks.ingest.pictures.copies import picture_of
    from tasks.ingest.pictures.read import decode_from, listed_file
    from tasks.ingest.pictures.table import is_table, listed_rows

    root = place_of(source).resolve()
    first: dict[str, int] = {}
    with progress("decode", len(items), "pictures") as advance, ExitStack() as stack:
        if is_table(root):
            sources = listed_rows(root, source, items, limits)
        elif root.is_file():
            sources = listed_members(stack.enter_context(opened(root)), items, limits)
        else:
            sources = ((item.name, listed_file(root, item)) for item in items)
        found = decode_from(sources, limits)
        for item, got in zip(items, found, strict=True):
            advance(1)
            said = told.get(item.name)
            if isinstance(got, Rejected):
                rejected.append(got)
                continue
            at = first.setdefault(got.digest, len(documents))
            if at < len(documents):
                same = documents[at]
                rejected.append(Rejected(item.name, "duplicate", f"shows what {same.id} shows, to the pixel"))
                if said is not None and not same.text:  # words of a picture are not lost with its copy
                    documents[at] = _document(same.id, said, got, root.name)
                continue
            documents.append(_document(item.name, said, got, root.name))
            yield picture_of(got)


def _document(name: str, said: PictureWords | None, picture: "Picture | Decoded", source: str) -> Document:
    size = {"width": str(picture.width), "height": str(picture.height), "pixels": picture.digest}
    text, meta = (said.text, said.meta) if said is not None else ("", {})
    if folder := Path(name).parent.name:  # a column of that name comes first
        meta = {FOLDER: folder, **meta}
    return Document(name, text, Path(name).stem, source, name, 0, "picture", meta=meta | size)


def _stored(
    documents: list[Document], pictures: PicturesRef, rejected: list[Rejected], unread: list[Rejected],
    told: Mapping[str, PictureWords], names: set[str],
) -> IngestedPictures:  # fmt: skip
    described = sum(bool(d.text) for d in documents)
    passages = [Passage(f"{d.id}#0", d.id, row, 0, len(d.text), "", d.text, 0) for row, d in enumerate(documents)]
    unknown = sorted(told.keys() - names)
    lost = max(0, len(told) - len(unknown) - described)
    counts = {"described": described, "unknown": len(unknown), "descriptions_lost": lost}
    steps.log_metrics(pictures=len(documents), rejected=len(rejected), rejected_rows=len(unread), **counts)
    return IngestedPictures(
        documents=objects.save_rows(DocumentsRef, Document, documents),
        passages=objects.save_rows(PassagesRef, Passage, passages),
        pictures=pictures,
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
        rejected_rows=objects.save_rows(RejectedRef, Rejected, unread),
        described=described, unknown=len(unknown), examples=tuple(unknown[:SHOWN]), lost=lost,
    )  # fmt: skip
