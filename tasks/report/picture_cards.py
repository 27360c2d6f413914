"""What pages of pictures share: thumbnails with words below, how pictures were read, and what was rejected.

Pictures on a page are encoded anew from pixels: nothing that a camera wrote beside them is shown. Names of files and
words are untrusted, as everywhere.
"""

import base64
import io
from collections.abc import Sequence

from tasks.data.documents import Rejected, RejectedRef
from tasks.data.pictures import IngestedPictures, Picture
from tasks.report.page import Table
from tasks.store import objects

SIDE = 128  # pixels of a thumbnail's longer side
SHOWN_REJECTED, SHOWN_NOTES = 50, 20


def card_of(name: str, text: str, picture: Picture) -> dict[str, str]:
    """Return a thumbnail of a picture as a data URL, with its name and words."""
    from PIL import Image

    made = io.BytesIO()
    with Image.open(io.BytesIO(picture.copy), formats=("PNG", "JPEG")) as image:
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        small.save(made, "PNG" if max(image.size) <= SIDE else "JPEG", quality=85)
    kind = "png" if made.getvalue().startswith(b"\x89PNG") else "jpeg"
    data = f"data:image/{kind};base64,{base64.b64encode(made.getvalue()).decode()}"
    return {"image": data, "name": name, "text": text}


def scored(card: dict[str, str], score: float) -> dict[str, str]:
    """Return a card with a number before its words."""
    return {**card, "score": f"{score:.3f}"}


def notes_of(read: IngestedPictures) -> list[Table]:
    """Return what a person should know of how pictures were read; none where all were read as they are."""
    told = objects.load_table(read.pictures, ["notes"])["notes"].to_pylist()
    names = objects.load_table(read.documents, ["id"])["id"].to_pylist()
    rows = [(name, note) for name, note in zip(names, told, strict=True) if note]
    return [Table("How pictures were read", ("picture", "note"), rows, most=SHOWN_NOTES)] if rows else []


def rejected_tables(title: str, refs: Sequence[RejectedRef]) -> list[Table]:
    """Return what was rejected and why; none where nothing was."""
    rows = [(r.item, r.reason, r.detail) for ref in refs for r in objects.load_rows(ref, Rejected)]
    return [Table(title, ("which", "reason", "detail"), rows, most=SHOWN_REJECTED)] if rows else []


def other_kinds(count: int) -> list[str]:
    """Say how many files of a folder were not read, for they are of other kinds."""
    return [f"{count} files match none of source.patterns and were not read"] if count else []


def unused_descriptions(read: IngestedPictures) -> list[str]:
    """Say which rows were not read, and which descriptions are of no picture that was read."""
    told = []
    if read.left_out:
        told.append(f"{read.left_out:,} rows or more lie beyond source.max_rows and were not read")
    if read.unknown:
        told.append(f"{read.unknown} descriptions are of pictures that are not there: {', '.join(read.examples)}")
    if read.lost:
        told.append(f"{read.lost} descriptions are of pictures that were rejected")
    return told
