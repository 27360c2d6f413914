"""What pictures are read, how they become vectors, and how they are looked for."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.base import Common, Config, NotInCacheKey, Tabs
from configs.ingest import PICTURES, Tables


class Symbols(Config):
    """The pictographs of a font that comes with matplotlib, each described by its Unicode name: pictures for a try."""

    kind: Literal["symbols"] = "symbols"
    limit: int | None = Field(None, ge=1)
    """How many are drawn; left out, all that the font has."""
    side: int = Field(96, ge=16, le=512)
    """Pixels of a side."""


class PdfPages(Config):
    """PDF files beside pictures: each page is rendered and is a picture, called `file.pdf page 3`."""

    dpi: int = Field(150, ge=36, le=600)
    """Dots per inch at which pages are rendered; they are shrunk after that as other pictures are."""
    max_pages: int = Field(500, ge=1, le=10_000)
    """PDF files of more pages are rejected."""


class PictureLimited(Config):
    """What a picture may cost, and how many may be rejected."""

    max_pixels: int = Field(50_000_000, ge=1_000, le=1_000_000_000)
    """Pixels a picture may have, as its header says; larger ones are rejected undecoded."""
    max_file_mb: float = Field(100.0, gt=0, le=1_000)
    """Larger files are rejected."""
    timeout_s: float = Field(10.0, gt=0, le=600)
    """Seconds of processor time a file, or four pages of a PDF, may take; its decoder is then stopped and the file
    rejected."""
    max_rejected_share: float = Field(0.5, ge=0, le=1)
    """Share of pictures that may be rejected; above it the run fails and names the first."""


class PictureFiles(PictureLimited):
    """Pictures of a folder, a zip archive or a parquet table, and a table that describes some or all of them."""

    kind: Literal["files"] = "files"
    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """The folder, zip archive, parquet table or, with `pages`, PDF; all in it that matches is read, links are not
    followed."""
    patterns: tuple[str, ...] = PICTURES
    """File names to read; others are left alone. What a file is, its content says."""
    pages: PdfPages | None = None
    """Reads the pages of PDF files beside `patterns`, each as a picture; `{}` takes the defaults. Left out, PDF files
    are left alone."""
    described: Tables | None = None
    """A table whose `id` column names the file below the folder and whose `text` column describes it; columns of
    `keep` become fields to filter by. Left out, pictures are found by pictures alone."""
    picture: str = Field("image", min_length=1)
    """Of a parquet table: the column with the bytes of pictures, as such or as `datasets` and the hub keep them."""
    id: str | None = Field(None, min_length=1)
    """Of a parquet table: the column with the names of pictures. Left out, the file name that `datasets` keeps beside
    the bytes, else the number of the row."""


class PictureHub(PictureLimited):
    """Pictures of a data set of the Hugging Face hub, or of a folder laid out like one, a picture a row."""

    kind: Literal["hub"] = "hub"
    dataset: str = Field(min_length=1)
    """Name on the hub, `owner/name`; or a folder or file of parquet or arrow whose pictures lie in it as bytes."""
    subset: str | None = None
    """Subset of the data set (its config); needed where there are several."""
    split: str = Field("train", min_length=1)
    """Part to read: train, validation, test, or what the data set calls it."""
    picture: str = Field("image", min_length=1)
    """The column with the pictures."""
    text: str | None = Field(None, min_length=1)
    """The column that describes them; left out, pictures are found by pictures alone."""
    id: str | None = Field(None, min_length=1)
    """The column with the names of pictures; left out, the number of the row."""
    keep: tuple[str, ...] = ()
    """Columns that become fields to filter by, as a class; one of class numbers gives the names of the classes."""
    revision: str | None = None
    """Branch, tag or commit on the hub; the commit it means is recorded. A full commit is not looked up again."""
    max_rows: int = Field(100_000, ge=1, le=100_000_000)
    """Rows to read at most, from the first; how many more there are is reported."""


PictureSource = Annotated[Symbols | PictureFiles | PictureHub, Field(discriminator="kind"), Tabs]


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


class WordShift(Config):
    """Words that every query is moved towards or away from: a picture like this one, but with, or without."""

    plus: Annotated[str, Common] = Field("", max_length=1_000)
    """What should be seen more of; empty for nothing."""
    minus: Annotated[str, Common] = Field("", max_length=1_000)
    """What should be seen less of; empty for nothing."""
    weight: float = Field(0.5, gt=0, le=10)
    """How far, against 1 of the query itself. Larger: the words count for more than the query."""

    def words(self) -> list[str]:
        """Return the words there are, those of plus first."""
        return [words for words in (self.plus, self.minus) if words.strip()]

    def stated(self) -> str:
        """Return what was added and taken off, as a reader of the hits needs to know it."""
        parts = [f"{sign} {words!r}" for sign, words in (("plus", self.plus), ("minus", self.minus)) if words.strip()]
        return f"{' and '.join(parts)}, weight {self.weight:g}"


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
    """Column of `described.keep` that says the right class, or `folder`: the folder a picture lies in. Left out,
    nothing is judged."""
    none_of_these: float | None = Field(None, gt=0, lt=0.5)
    """Share of the pictures of these classes that may be called none of them. Which pictures show none is learned from
    those whose class, by `truth`, is another one. Left out, every picture gets a class."""

    @model_validator(mode="after")
    def _learned_from_others(self) -> Self:
        if self.none_of_these is not None and self.truth is None:
            raise ValueError("classes.none_of_these is learned from pictures of other classes; name classes.truth too")
        return self


class PictureProbe(Config):
    """A linear probe: a logistic regression on features learns classes from the pictures that have one."""

    truth: Annotated[str, Common] = "folder"
    """Column of `described.keep` that holds the class, or `folder`: the folder a picture lies in. A picture without
    one gets one."""
    C: float = Field(0.003, gt=0)
    """Inverse strength of the regularisation; features have a spread of 1. Larger: closer to the pictures learned
    from."""
    folds: int = Field(5, ge=2, le=50)
    """Parts by which the probe is judged, near copies in one: each by a probe that learned from the others."""
    seed: int = Field(0, ge=0)
    """Divides the groups into folds."""
