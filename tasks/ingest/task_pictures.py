"""Tasks of `ingest` that read pictures: list a folder, and decode it into documents and working copies."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.pictures import PictureFiles, PictureSource, Symbols
from tasks.data.documents import Document, DocumentsRef, Item, Passage, PassagesRef, Rejected, RejectedRef, SnapshotRef
from tasks.data.pictures import IngestedPictures, Picture, PicturesRef
from tasks.errors import ContractError, DataError, MissingExtra
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import collections, objects

if TYPE_CHECKING:
    from tasks.ingest.pictures.read import Decoded

MEGABYTE = 1_000_000


def name_of_pictures(source: PictureSource, collection: str | None) -> str:
    """Return the name of the collection pictures go into: the one given, else that of their folder.

    Raises:
        ContractError: The name given is no name.
    """
    if collection is not None:
        return collections.checked_name(collection)
    return "symbols" if isinstance(source, Symbols) else collections.name_from(place_of(source).resolve().name)


def place_of(source: PictureFiles) -> Path:
    """Return where the folder is; `~` is the home of a user."""
    return Path(os.path.expanduser(source.path))


def list_pictures(source: PictureSource) -> SnapshotRef:
    """Describe what a folder holds now: name, size and digest of every picture. Never looked up, always done.

    Raises:
        DataError: The folder is not there, or holds no picture.
        MissingExtra: What decodes pictures is not installed.
    """
    from tasks.ingest import files
    from tasks.ingest.pictures.read import decoder

    reader = decoder()
    if isinstance(source, Symbols):
        _require_font()
        return objects.save_rows(SnapshotRef, Item, [])
    root = place_of(source)
    items, others = files.list_folder(root, source.patterns, int(source.max_file_mb * MEGABYTE))
    if not items:
        beside = f"; of other kinds it holds {others}" if others else ""
        raise DataError(
            f"source.path {source.path!r} holds no file like {', '.join(source.patterns)}{beside}; put pictures "
            "there, name another source.path, or set source.patterns"
        )
    return objects.save_rows(SnapshotRef, Item, [_read_by(item, reader) for item in items])


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
    from dataclasses import replace

    return replace(item, reader=reader)


def _require_font() -> None:
    """Check that what draws symbols is installed.

    Raises:
        MissingExtra: It is not.
    """
    from importlib.util import find_spec

    if missing := [name for name in ("matplotlib", "fontTools") if find_spec(name) is None]:
        raise MissingExtra(f"source.kind=symbols needs {missing[0]}; pip install matplotlib, or give a folder")


@step(name="ingest-pictures", libraries=("pillow",))
def ingest_pictures(snapshot: SnapshotRef, described: DocumentsRef | None, source: PictureSource) -> IngestedPictures:
    """Decode the pictures of a listed folder; reject what cannot be decoded, with the reason.

    Args:
        snapshot: What `list_pictures` found.
        described: Descriptions, by the name of the file; None where there are none.
        source: How to read it.

    Raises:
        DataError: Nothing, or too little, could be read.
    """
    if isinstance(source, Symbols):
        from tasks.ingest.pictures.copies import symbols

        made = symbols(source.side, source.limit)
        documents = [_document(name, said, picture, {}, "DejaVu Sans") for name, said, picture in made]
        return _stored(documents, [picture for *_, picture in made], [], 0)
    items = objects.load_rows(snapshot, Item)
    told = {d.id: d for d in objects.load_rows(described, Document)} if described is not None else {}
    documents, pictures, rejected = _read(items, source, told)
    if not pictures or len(rejected) / len(items) > source.max_rejected_share:
        first = f"{rejected[0].item} {rejected[0].detail}"
        raise DataError(
            f"{len(rejected)} of {len(items)} pictures cannot be read (first: {first}); mend them, or raise "
            "source.max_rejected_share"
        )
    unknown = sorted(told.keys() - {item.name for item in items})
    if unknown and len(unknown) == len(told):
        raise DataError(
            f"no description is of a picture there is: source.described names {unknown[0]!r} but the folder holds "
            f"{items[0].name!r}; its id column must name files below the folder"
        )
    return _stored(documents, pictures, rejected, len(unknown))


def _read(
    items: list[Item], source: PictureFiles, told: dict[str, Document]
) -> tuple[list[Document], list[Picture], list[Rejected]]:
    from tasks.ingest.pictures.copies import picture_of
    from tasks.ingest.pictures.limits import PictureLimits
    from tasks.ingest.pictures.read import decode

    root = place_of(source).resolve()
    limits = PictureLimits(
        max_pixels=source.max_pixels, max_bytes=int(source.max_file_mb * MEGABYTE), timeout_s=source.timeout_s
    )
    documents: list[Document] = []
    pictures: list[Picture] = []
    rejected: list[Rejected] = []
    first: dict[str, str] = {}
    with progress("decode", len(items), "pictures") as advance:
        found: Iterable[Decoded | Rejected] = decode((root / item.name for item in items), limits)
        for item, got in zip(items, found, strict=True):
            advance(1)
            if isinstance(got, Rejected):
                rejected.append(Rejected(item.name, got.reason, got.detail))
            elif got.digest in first:
                rejected.append(
                    Rejected(item.name, "duplicate", f"shows what {first[got.digest]} shows, to the pixel")
                )
            else:
                first[got.digest] = item.name
                said = told.get(item.name)
                picture = picture_of(got)
                meta = dict(said.meta) if said is not None else {}
                documents.append(_document(item.name, said.text if said else "", picture, meta, root.name))
                pictures.append(picture)
    return documents, pictures, rejected


def _document(name: str, text: str, picture: Picture, meta: dict[str, str], source: str) -> Document:
    size = {"width": str(picture.width), "height": str(picture.height), "pixels": picture.digest}
    return Document(name, text, Path(name).stem, source, name, 0, "picture", meta=meta | size)


def _stored(
    documents: list[Document], pictures: list[Picture], rejected: list[Rejected], unknown: int
) -> IngestedPictures:
    described = sum(bool(d.text) for d in documents)
    passages = [Passage(f"{d.id}#0", d.id, row, 0, len(d.text), "", d.text, 0) for row, d in enumerate(documents)]
    steps.log_metrics(pictures=len(pictures), described=described, rejected=len(rejected), unknown=unknown)
    return IngestedPictures(
        documents=objects.save_rows(DocumentsRef, Document, documents),
        passages=objects.save_rows(PassagesRef, Passage, passages),
        pictures=objects.save_rows(PicturesRef, Picture, pictures),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
        described=described,
        unknown=unknown,
    )
