"""Where documents come from."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from configs.base import Config, NotInCacheKey, Tabs

PICTURES = ("*.png", "*.jpg", "*.jpeg", "*.webp", "*.gif", "*.bmp", "*.tif", "*.tiff")

DOCUMENTS = ("*.txt", "*.md", "*.html", "*.htm", "*.pdf", "*.docx", "*.pptx", "*.xlsx", "*.epub", "*.eml", "*.csv",
             "*.tsv", "*.doc", "*.ppt", "*.xls")  # fmt: skip


def _known_encoding(name: str) -> str:
    if name != "auto":
        try:
            "a".encode(name)
        except (LookupError, ValueError) as error:
            raise ValueError(f"{name!r} is no encoding that Python knows; write utf-8, cp1252 or auto") from error
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]


class PythonDocs(Config):
    """The documentation of Python packages installed beside this one, read from their source files."""

    kind: Literal["python-docs"] = "python-docs"
    packages: tuple[str, ...] = ("sklearn", "numpy", "networkx", "pandas", "scipy")
    """Import names of the packages; they are read, never imported."""
    max_tokens: int = Field(800_000, ge=1_000, le=100_000_000)
    """Encoder tokens to read at most. Public classes and functions of all packages in turn, then methods."""


class Ocr(Config):
    """Recognition of text in pictures, and on PDF pages that hold none."""

    min_score: float = Field(0.5, ge=0, le=1)
    """Lines that are recognised with a lower score are left out and counted."""
    dpi: int = Field(200, ge=72, le=600)
    """Dots per inch at which PDF pages are rendered. Higher: smaller print is read, and a page takes longer."""


class Files(Config):
    """Text, PDF, Office, csv, book and mail files of a folder; with `ocr`, scans and pictures of text too."""

    kind: Literal["files"] = "files"
    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """The folder; everything below it that matches is read, links that leave it are not followed."""
    patterns: tuple[str, ...] = DOCUMENTS
    """File names to read; others are left alone, and the console counts them by their endings. doc, ppt and xls are
    rejected with what to do."""
    encoding: Encoding = "utf-8"
    """How the bytes of text are written. A file that does not decode is rejected, never guessed at; auto: UTF-8, else
    what is likeliest, for each file, and said."""
    sections: Literal["auto", "off"] = "auto"
    """How files are parted. auto: long ones (txt, md, html, docx of more than 4,000 characters with two headings or
    more) become one document a section, titled `Book > Chapter 2`; pptx, xlsx, csv and epub one a slide, block of rows
    or chapter; off: every file but PDF is one document."""
    max_file_mb: float = Field(5.0, gt=0, le=1_000)
    """Larger files are rejected."""
    max_pages: int = Field(1_000, ge=1, le=100_000)
    """PDF files of more pages are rejected."""
    timeout_s: float = Field(60.0, gt=0, le=3_600)
    """Seconds of processor time a file of other kinds than txt, md and html may take; its parser is then stopped and
    the file rejected."""
    ocr: Ocr | None = None
    """Recognises text on PDF pages that hold none, and reads pictures (png, jpg, webp, gif, bmp, tiff) beside
    `patterns`; `{}` takes the defaults. Left out, such a PDF is rejected and pictures are not read."""


class Tables(Config):
    """Rows of jsonl, csv, parquet or xlsx files, one document a row."""

    kind: Literal["tables"] = "tables"
    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """A file (.jsonl, .jsonl.gz, .csv, .parquet, .xlsx) or a folder of such files."""
    text: str = "text"
    """Name of the column that holds the text."""
    title: str | None = None
    """Name of the column that holds the title; none if left out."""
    id: str | None = None
    """Name of the column that identifies a row; left out, file name and row number do, of csv and xlsx as spreadsheets
    count: the header is row 1."""
    keep: tuple[str, ...] = ()
    """Names of columns kept with each document, as a time or a class; a row may lack them."""
    encoding: Encoding = "utf-8"
    """How jsonl and csv files are written; auto: UTF-8, else what is likeliest, for each file, and said."""
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    """Between the cells of csv files; left out, a comma, semicolon, tab or bar, as the header fits, and said."""
    sheet: str | None = None
    """Name of the sheet of xlsx files; left out, the first."""
    max_row_mb: float = Field(5.0, gt=0, le=1_000)
    """Rows with a longer text are rejected."""


class Hub(Config):
    """Rows of a data set of the Hugging Face hub, or of a folder laid out like one, one document a row."""

    kind: Literal["hub"] = "hub"
    dataset: str = Field(min_length=1)
    """Name on the hub, `owner/name`; or a folder or file that holds parquet, json, csv, arrow or text."""
    subset: str | None = None
    """Subset of the data set (its config); needed where there are several."""
    split: str = Field("train", min_length=1)
    """Part to read: train, validation, test, or what the data set calls it."""
    text: str = "text"
    """Name of the column that holds the text."""
    title: str | None = None
    """Name of the column that holds the title; none if left out."""
    id: str | None = None
    """Name of the column that identifies a row; left out, the row's number does."""
    keep: tuple[str, ...] = ()
    """Names of columns kept with each document, as a time or a class; a row may lack them."""
    revision: str | None = None
    """Branch, tag or commit on the hub; the commit it means is recorded. A full commit is not looked up again."""
    max_rows: int = Field(100_000, ge=1, le=100_000_000)
    """Rows to read at most, from the first; how many more there are is reported."""
    max_row_mb: float = Field(5.0, gt=0, le=1_000)
    """Rows with a longer text are rejected."""


Source = Annotated[PythonDocs | Files | Tables | Hub, Field(discriminator="kind"), Tabs]


class Events(Config):
    """Rows that say who chose what when: the items of a user in the order of time are one list."""

    path: Annotated[str, NotInCacheKey] = Field(min_length=1)
    """A file (.jsonl, .jsonl.gz, .csv, .parquet), a row an event."""
    user: str = "user"
    """Name of the column that says who."""
    item: str = "item"
    """Name of the column that says what."""
    time: str = "time"
    """Name of the column that says when, a number or an ISO date; equal times keep the order of the file."""
    names: Annotated[str | None, NotInCacheKey] = None
    """A file of the same kinds that says what items are called; null for none."""
    names_item: str = "item"
    """Name of its column that holds the item."""
    names_title: str = "title"
    """Name of its column that holds the name."""
    encoding: Encoding = "utf-8"
    """How jsonl and csv files are written."""


class IngestLimits(Config):
    """What may go wrong with a source before the run is stopped."""

    max_rejected_share: float = Field(0.5, ge=0, le=1)
    """Share of items that may be rejected; above it the run fails and names the commonest reason."""


class Ingest(IngestLimits):
    """What is kept of a source, and what may go wrong with it before the run is stopped."""

    duplicates: Literal["keep", "drop"] = "keep"
    """What becomes of documents that repeat an earlier text. keep: each is a row of its own, encoded once; drop: they
    are rejected. Of `python-docs` each text is read once."""
