"""List and read any source: the dispatch over its kinds."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import assert_never

from configs.ingest import PICTURES, Files, Hub, PythonDocs, Source, Tables
from tasks.data.documents import Document, Item, Rejected
from tasks.errors import DataError
from tasks.ingest import files, hub, python_docs, sheets, tables
from tasks.ingest.cells import missing_notes
from tasks.ingest.office import read as office_read
from tasks.ingest.pdf import read as pdf_read
from tasks.ingest.pdf.scans import PageReader
from tasks.ingest.pictures.shown_text import read_pictures, shows_text
from tasks.ingest.sections import section_notes, unread_notes

CountTokens = Callable[[Sequence[str]], list[int]]
MEGABYTE = 1_000_000
COUNTED_AT_ONCE = 256


@dataclass(slots=True)
class SourceContents:
    """What a source gave: documents, what was rejected, what the budget left out, what else was counted or guessed."""

    documents: list[Document] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    left_out: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def list_source(source: Source) -> tuple[list[Item], int]:
    """List the files of a source, with their digests, and count those that are not of it.

    Raises:
        DataError: The source is not there.
        RemoteError: The hub does not answer.
        MissingExtra: What reads it is not installed.
    """
    match source:
        case PythonDocs():
            found = [(p, f) for p in source.packages for f in python_docs.source_files(p)]
            roots = {p: python_docs.package_folder(p).parent for p in source.packages}
            items = [files.describe_file(f.resolve(), f.relative_to(roots[p]).as_posix(), 1 << 30) for p, f in found]
            return items, 0
        case Files():
            items, ignored = files.list_folder(place(source), looked_for(source), _bytes(source.max_file_mb))
            return [replace(i, reader=_reader_of(i.name)) for i in items], ignored
        case Tables():
            path = place(source)
            if path.suffix and not path.exists():
                raise DataError(f"source.path {source.path!r} is not there; name a table, or a folder of tables")
            if path.is_file():
                return [tables.describe_table(path, path.name)], 0
            items, ignored = files.list_folder(path, tables.PATTERNS, 1 << 50)
            return [replace(i, reader=sheets.reader()) if sheets.is_sheets(i.name) else i for i in items], ignored
        case Hub():
            return hub.list_hub(source), 0
    assert_never(source)


def _reader_of(name: str) -> str:
    return pdf_read.reader() if pdf_read.is_pdf(name) else office_read.reader(name)


def read_source(
    source: Source,
    items: Sequence[Item],
    count_tokens: CountTokens,
    pages: PageReader | None = None,
    *,
    keep_duplicates: bool = True,
) -> SourceContents:
    """Read the documents of a listed source.

    Args:
        source: How to read it.
        items: What `list_source` found.
        count_tokens: Counts the encoder tokens of texts; used where the source has a budget.
        pages: Recognises text; needed where the source has `ocr`.
        keep_duplicates: Whether documents that repeat the text of another stay; of `python-docs` none does.
    """
    match source:
        case PythonDocs():
            return _within_budget(
                [python_docs.read_package(p) for p in source.packages], source.max_tokens, count_tokens
            )
        case Files():
            read, counts, unread = _read_files(source, items, pages)
            found = _distinct(read, keep=keep_duplicates)
            return replace(
                found,
                counts=found.counts + counts,
                notes=[
                    *files.guesses(found.documents),
                    *section_notes(read, counts),
                    *unread_notes(unread),
                ],
            )
        case Tables():
            path, missing = place(source), Counter[tuple[str, str]]()
            rows = (
                row
                for item in items
                for row in tables.read_table(path if path.is_file() else path / item.name, item, source, missing)
            )
            found = _distinct(rows, keep=keep_duplicates)
            notes = table_notes(source, items, tables.columns_of(source))
            return replace(found, notes=[*notes, *missing_notes(missing)])
        case Hub():
            given = hub.read_hub(source, items)
            notes = missing_notes(given.missing)
            return replace(_distinct(given.rows, keep=keep_duplicates), left_out=given.left_out, notes=notes)
    assert_never(source)


def table_notes(source: Tables | Hub, items: Sequence[Item], columns: Sequence[str]) -> list[str]:
    """Say what was found out of how the tables of a source are written; of what `datasets` reads there is nothing."""
    if isinstance(source, Hub):
        return []
    path = place(source)
    files = (path if path.is_file() else path / item.name for item in items if not item.reason)
    return [said for file in files for said in tables.found_in(file, source, columns)]


def _read_files(
    source: Files, items: Sequence[Item], pages: PageReader | None
) -> tuple[list[Document | Rejected], Counter[str], dict[str, str]]:
    """Return what a folder holds, what its readers have counted, and what of each file was not read."""
    root = place(source)
    parsed = pdf_read.read_pdfs(root, [item for item in items if pdf_read.is_pdf(item.name)], source, pages)
    seen = read_pictures(root, [item for item in items if shows_text(item.name, source)], source, pages)
    office = office_read.read_offices(root, [item for item in items if office_read.kind_of(item.name)], source)
    counts: Counter[str] = Counter()
    rows: list[Document | Rejected] = []
    unread: dict[str, str] = {}
    for item in items:
        if pdf_read.is_pdf(item.name):
            file = next(parsed)
        elif shows_text(item.name, source):
            file = next(seen)
        elif office_read.kind_of(item.name):
            file = next(office)
        else:
            file = files.read_file(root, item, source.encoding, source.sections)
        rows += file.rows
        counts += file.counts
        if file.unread:
            unread[item.name] = file.unread
    return rows, counts, unread


def looked_for(source: Files) -> tuple[str, ...]:
    """Return the patterns of file names that are read."""
    return source.patterns if source.ocr is None else (*source.patterns, *PICTURES)


def place(source: Files | Tables) -> Path:
    """Return where a source is; `~` is the home of a user, where there is such a user."""
    return Path(os.path.expanduser(source.path))


def _bytes(megabytes: float) -> int:
    return int(megabytes * MEGABYTE)


def _distinct(rows: Iterable[Document | Rejected], *, keep: bool) -> SourceContents:
    """Keep the first document of each id; those that repeat a text stay, counted, or are rejected."""
    found = SourceContents()
    ids: dict[str, str] = {}
    texts: dict[str, Document] = {}
    for row in rows:
        if isinstance(row, Rejected):
            found.rejected.append(row)
        elif (said := ids.get(row.id)) is not None:
            found.rejected.append(_of_known_id(row, same_text=said == row.text))
        elif not keep and (first := texts.get(row.text)) is not None:
            found.rejected.append(_repeated(row, first))
        else:
            found.counts["duplicates"] += row.text in texts
            ids[row.id] = row.text
            texts.setdefault(row.text, row)
            found.documents.append(row)
    found.counts = +found.counts
    return found


def _of_known_id(row: Document, *, same_text: bool) -> Rejected:
    """Return a document whose id an earlier one has; with another text something is lost, and the reason says so."""
    if same_text:
        return Rejected(row.id, "duplicate", "another document has this id")
    return Rejected(row.id, "repeated-id", "another document has this id, and another text; set source.id")


def _repeated(row: Document, first: Document) -> Rejected:
    """Say that a row has the text of an earlier one, and where what is kept beside it is not the same."""
    said = f"has the text of {first.id}"
    other = [name for name in sorted({*row.meta, *first.meta}) if row.meta.get(name) != first.meta.get(name)]
    if row.kind != "row" or not other:
        return Rejected(row.id, "duplicate", said)
    values = ", ".join(f"{name} {row.meta.get(name, '')!r} and not {first.meta.get(name, '')!r}" for name in other)
    return Rejected(row.id, "contradiction", f"{said} but {values}"[:500])


def _within_budget(
    packages: Sequence[python_docs.PackageDocs], budget: int, count_tokens: CountTokens
) -> SourceContents:
    """Take public names of all packages in turn, then methods, whole documents only, until the budget is reached."""
    turns = [docs.names for docs in packages], [docs.methods for docs in packages]
    queue = [d for turn in turns for row in itertools.zip_longest(*turn) for d in row if d is not None]
    found = _distinct([*queue, *(r for docs in packages for r in docs.rejected)], keep=False)
    spent, taken = 0, 0
    for start in range(0, len(found.documents), COUNTED_AT_ONCE):
        block = found.documents[start : start + COUNTED_AT_ONCE]
        for tokens in count_tokens([d.text for d in block]):
            if spent + tokens > budget:
                return SourceContents(found.documents[:taken], found.rejected, len(found.documents) - taken)
            spent, taken = spent + tokens, taken + 1
    return found
