"""What pictures are read, how they become vectors, and how they are looked for."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, NotInCacheKey, Tabs
from configs.ingest import Tables


class Symbols(Config):
    """The pictographs of a font that comes with matplotlib, each described by its Unicode name: pictures for a try."""

    kind: Literal["symbols"] = "symbols"
    limit: int | None = Field(None, ge=1)
    """How many are drawn; left out, all that the font has."""
    side: int = Field(96, ge=16, le=512)
    """Pixels of a side."""


class PictureFiles(Config):
    """Pictures of a folder, and a table that describes some or all of them."""

    kind: Literal["files"] = "files"
    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """The folder; everything below it that matches is read, links that leave it are not followed."""
    patterns: tuple[str, ...] = ("*.png", "*.jpg", "*.jpeg", "*.webp", "*.gif", "*.bmp", "*.tif", "*.tiff")
    """File names to read; others are left alone. What a file is, its content says."""
    described: Tables | None = None
    """A table whose `id` column names the file below the folder and whose `text` column describes it; columns of
    `keep` become fields to filter by. Left out, pictures are found by pictures alone."""
    max_pixels: int = Field(50_000_000, ge=1_000, le=1_000_000_000)
    """Pixels a picture may have, as its header says; larger ones are rejected undecoded."""
    max_file_mb: float = Field(100.0, gt=0, le=1_000)
    """Larger files are rejected."""
    timeout_s: float = Field(10.0, gt=0, le=600)
    """Seconds of processor time a file may take; its decoder is then stopped and the file rejected."""
    max_rejected_share: float = Field(0.5, ge=0, le=1)
    """Share of files that may be rejected; above it the run fails and names the first."""


PictureSource = Annotated[Symbols | PictureFiles, Field(discriminator="kind"), Tabs]


class PictureHead(Config):
    """The head that puts pictures among texts; learned from the pictures that are described."""

    near_duplicate: float = Field(0.95, gt=0, le=1)
    """Pictures whose features have this cosine are near copies, which stay in one fold: else they leak."""
    folds: int = Field(5, ge=2, le=50)
    """Parts by which the head is judged: each is found by a head that learned from the others."""
    ridge: float = Field(2_000.0, gt=0)
    """Weight of the ridge, in rows. Larger: closer to the mean of all descriptions, and steadier of few pictures."""
    least: int = Field(100, ge=20)
    """Described pictures that are needed; of fewer no head is learned, which is said."""
    seed: int = Field(0, ge=0)
    """Divides the groups into folds."""


class ZeroShotClasses(Config):
    """Classes that pictures are told apart by without training: the class whose words are closest."""

    names: Annotated[tuple[str, ...], Common] = Field(min_length=1)
    """The classes, in words; two at least."""
    templates: tuple[str, ...] = ("{}", "a picture of {}", "{} icon")
    """Sentences around a class; its vector is the mean of theirs."""
    centred: bool = True
    """What all pictures share, and all classes, is taken off before they are compared, for it tells none apart. Set to
    false where most pictures are of one class."""
    truth: str | None = None
    """Column of `described.keep` that says the right class; left out, nothing is judged."""
