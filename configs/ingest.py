"""Where documents come from."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Tabs, Unkeyed


class PythonDocs(Config):
    """The documentation of Python packages installed beside this one, read from their source files."""

    kind: Literal["python-docs"] = "python-docs"
    packages: tuple[str, ...] = ("sklearn", "numpy", "networkx", "pandas", "scipy")
    """Import names of the packages; they are read, never imported."""
    max_tokens: int = Field(800_000, ge=1_000, le=100_000_000)
    """Encoder tokens to read at most. Public classes and functions of all packages in turn, then methods."""


class Files(Config):
    """Text files of a folder."""

    kind: Literal["files"] = "files"
    path: Annotated[str, Unkeyed] = Field(min_length=1)
    """The folder; everything below it that matches is read, links that leave it are not followed."""
    patterns: tuple[str, ...] = ("*.txt", "*.md", "*.html", "*.htm")
    """File names to read; others are counted and left alone."""
    encoding: str = "utf-8"
    """How the bytes are written. A file that does not decode is quarantined, never guessed at."""
    max_file_mb: float = Field(5.0, gt=0, le=1_000)
    """Larger files are quarantined."""


class Tables(Config):
    """Rows of jsonl, csv or parquet files, one document a row."""

    kind: Literal["tables"] = "tables"
    path: Annotated[str, Unkeyed] = Field(min_length=1)
    """A file (.jsonl, .jsonl.gz, .csv, .parquet) or a folder of such files."""
    text: str = "text"
    """Name of the column that holds the text."""
    title: str | None = None
    """Name of the column that holds the title; none if left out."""
    id: str | None = None
    """Name of the column that identifies a row; left out, file name and row number do."""
    keep: tuple[str, ...] = ()
    """Names of columns kept with each document, as a time or a class; a row may lack them."""
    encoding: str = "utf-8"
    """How jsonl and csv files are written."""
    max_row_mb: float = Field(5.0, gt=0, le=1_000)
    """Rows with a longer text are quarantined."""


Source = Annotated[PythonDocs | Files | Tables, Field(discriminator="kind"), Tabs]


class Ingest(Config):
    """What may go wrong with a source before the run is stopped."""

    max_rejected_share: float = Field(0.5, ge=0, le=1)
    """Share of items that may be quarantined; above it the run fails and names the commonest reason."""
