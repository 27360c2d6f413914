"""What a source says beside the pixels of its pictures, put down while they are read."""

from dataclasses import dataclass, field

from tasks.data.documents import Rejected
from tasks.ingest.pictures.pdf_pages import PageOf
from tasks.ingest.pictures.told import PictureWords


@dataclass(slots=True)
class Beside:
    """What is said of pictures, by their names.

    Attributes:
        words: Descriptions and fields.
        pages: Where those stand that are pages.
        unread: Descriptions that were rejected, and why.
        left_out: Rows beyond the limit.
    """

    words: dict[str, PictureWords] = field(default_factory=dict)
    pages: dict[str, PageOf] = field(default_factory=dict)
    unread: list[Rejected] = field(default_factory=list)
    left_out: int = 0
