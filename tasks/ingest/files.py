"""Read text files of a folder: txt and md as they are, html as a person sees it; long ones a section a document."""

import errno
import fnmatch
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tasks.data import digests
from tasks.data.documents import Document, Item, Rejected
from tasks.errors import DataError
from tasks.ingest.dialects import AUTO, SURE, UTF16_MARKS, find_encoding
from tasks.ingest.headings import first_heading, front_matter, markdown_headings, text_headings
from tasks.ingest.html import HtmlPage, read_html
from tasks.ingest.letters import mend_letters
from tasks.ingest.sections import (
    LONG_FILE,
    Heading,
    Section,
    documents_of,
    is_long,
    mark_repeated,
    split_text,
    title_of,
)
from tasks.text.sentences import unfit

SHOWN_KINDS, SHOWN_FILES = 8, 3  # that a note names


def list_folder(root: Path, patterns: Sequence[str], max_bytes: int) -> tuple[list[Item], int]:
    """List what a folder holds.

    Links are never followed, neither to files nor to folders, and nothing but a regular file is opened. What is hidden
    is left alone.

    Args:
        root: The folder.
        patterns: Shell patterns of the file names to read.
        max_bytes: Larger files are listed with the reason `too-large` and not read.

    Returns:
        The matching files in order of their names, and how many others there were.

    Raises:
        DataError: There is no such folder, or it may not be listed.
    """
    try:
        os.scandir(root).close()
    except PermissionError as error:
        raise DataError(f"source.path {str(root)!r} may not be listed; give a folder that you may read") from error
    except OSError as error:
        raise DataError(
            f"source.path {str(root)!r} is not a folder; give one that holds {', '.join(patterns)}"
        ) from error
    items, ignored = [], 0
    root, closed = root.resolve(), set[Path]()
    for current, folders, names, descriptor in os.fwalk(root, follow_symlinks=False):
        folders[:] = sorted(folder for folder in folders if not is_hidden(folder))
        below = Path(current).relative_to(root)
        closed = closed - {below} | {below / folder for folder in folders}
        for name in sorted(names):
            if not is_hidden(name) and any(fnmatch.fnmatch(name.lower(), pattern.lower()) for pattern in patterns):
                items.append(_scan(name, descriptor, (below / name).as_posix(), max_bytes))
            else:
                ignored += 1
    items += [Item(_label(f.as_posix()), 0, "", "unreadable") for f in closed if not (root / f).is_symlink()]
    return sorted(items, key=lambda item: item.name), ignored


def count_others(root: Path, patterns: Sequence[str]) -> int:
    """Return how many files of a folder match no pattern; nothing is opened."""
    return sum(1 for _ in _others(root, patterns))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden, as Unix has it: `.git`, editors' copies and keys are no documents."""
    return name.startswith(".")


def _others(root: Path, patterns: Sequence[str]) -> Iterator[str]:
    """Yield the name of each file that matches no pattern, and of each file and folder that is hidden."""
    for _, folders, names in os.walk(root, followlinks=False):
        yield from (folder for folder in folders if is_hidden(folder))
        folders[:] = [folder for folder in folders if not is_hidden(folder)]
        for name in names:
            if is_hidden(name) or not any(fnmatch.fnmatch(name.lower(), p.lower()) for p in patterns):
                yield name


def other_kinds(root: Path, patterns: Sequence[str], setting: str = "") -> str:
    """Say how many files of a folder match no pattern, by the endings of their names; nothing where all match.

    Args:
        root: The folder; a file holds no others.
        patterns: Of the names of files that are read.
        setting: What changes them, said at the end.
    """
    others = list(_others(root, patterns))
    endings = Counter(
        "hidden" if is_hidden(name) else _label(Path(name).suffix.lower()) or "without an ending" for name in others
    )
    told = ", ".join(f"{n:,} {ending}" for ending, n in endings.most_common(SHOWN_KINDS))
    told += ", ..." if len(endings) > SHOWN_KINDS else ""
    many = "file of another kind is" if len(others) == 1 else "files of other kinds are"
    return f"{len(others):,} {many} left alone ({told}{setting})" if others else ""


def describe_file(path: Path, name: str, max_bytes: int) -> Item:
    """Describe one file, under the name it has inside its source, by size and digest."""
    return _scan(str(path), None, name, max_bytes)


def _label(name: str) -> str:
    """Return a file's name as text; bytes that are not UTF-8 become replacement characters."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _scan(name: str, folder: int | None, label: str, max_bytes: int) -> Item:
    if _label(label) != label:  # it could not be found again under a name that is text
        return Item(_label(label), 0, "", "unreadable")
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        return Item(label, 0, "", "link" if error.errno == errno.ELOOP else "unreadable")
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Item(label, 0, "", "unreadable")
        if status.st_size > max_bytes:
            return Item(label, status.st_size, "", "too-large")
        return Item(label, status.st_size, digests.of_file(file))


def unread(item: Item) -> str:
    """Return why a listed file was not read, and what to do."""
    if item.reason == "too-large":
        return f"has {item.size:,} bytes, more than source.max_file_mb; raise it"
    return f"not read: {item.reason}, {item.size:,} bytes"


@dataclass(slots=True)
class FileContents:
    """What a file gave: its documents, what was rejected, what was counted, and what of it was not read."""

    rows: list[Document | Rejected]
    counts: Counter[str] = field(default_factory=Counter)
    unread: str = ""


def read_file(root: Path, item: Item, encoding: str, sections: Literal["auto", "off"] = "auto") -> FileContents:
    """Read one listed file as a document, or one a section where it is long, or say why it is rejected.

    Args:
        root: The folder.
        item: As it was listed.
        encoding: How its bytes are written.
        sections: Whether a long file is parted at its headings.
    """
    read = read_text(root, item, encoding)
    if isinstance(read, Rejected):
        return FileContents([read])
    text, known = read
    made = _documents(item, _parsed(text, Path(item.name).suffix.lstrip(".").lower()), sections)
    for row in made.rows:
        if isinstance(row, Document):
            row.meta.update(known)
    return made


def text_documents(item: Item, kind: str, page: HtmlPage, sections: Literal["auto", "off"]) -> FileContents:
    """Return what was read of a file whose lines mean nothing as a document, or one a section where it is long.

    Args:
        item: The file, as it was listed.
        kind: Of the file: docx, eml.
        page: Its title, text and headings.
        sections: Whether a long file is parted at its headings.
    """
    parsed = _Parsed(kind, page.title, page.text, page.headings, page.counts, lines=False)
    return _documents(item, parsed, sections)


def _documents(item: Item, found: "_Parsed", sections: Literal["auto", "off"]) -> FileContents:
    stem = Path(item.name).stem
    if (bad := unfit(found.text)) is not None:
        return FileContents([Rejected(item.name, *bad)], found.counts)
    if sections == "off" or not is_long(found.text, found.headings):
        alone = Section((), found.text, int(found.lines))
        first = found.headings[0].title if found.headings and found.kind == "md" else ""
        return FileContents(documents_of(item, found.title or first or stem, [alone], found.kind), found.counts)
    title = found.title or title_of(found.headings, stem)
    parts = split_text(found.text, found.headings, lines=found.lines)
    rows = documents_of(item, title, parts, found.kind)
    found.counts.update(split_files=1, sections=len(parts), repeated_sections=mark_repeated(rows))
    return FileContents(rows, +found.counts)


@dataclass(slots=True)
class _Parsed:
    kind: str
    title: str
    text: str
    headings: list[Heading]
    counts: Counter[str]
    lines: bool = True  # whether its lines are those of the file


def _parsed(text: str, kind: str) -> _Parsed:
    if kind in ("html", "htm"):
        page = read_html(text)
        return _Parsed(kind, page.title, page.text, page.headings, page.counts, lines=False)
    counts: Counter[str] = Counter()
    (text,) = mend_letters([text], counts)
    if kind == "md":
        title, start = front_matter(text)
        headings = markdown_headings if len(text) > LONG_FILE else first_heading
        return _Parsed(kind, title, text, [] if title and len(text) <= LONG_FILE else headings(text, start), +counts)
    return _Parsed(kind, "", text, text_headings(text) if len(text) > LONG_FILE else [], +counts)


def read_bytes(root: Path, item: Item) -> bytes | Rejected:
    """Return one listed file as it was when it was listed, or why it is rejected."""
    if item.reason:
        return Rejected(item.name, item.reason, unread(item))  # type: ignore[arg-type]
    try:
        content, sha = digests.read(root / item.name)
    except OSError:
        content, sha = b"", ""
    if sha != item.sha256:
        return Rejected(item.name, "changed", "changed while it was being read; run again")
    return content


def read_text(root: Path, item: Item, encoding: str) -> tuple[str, dict[str, str]] | Rejected:
    """Return the decoded bytes of one listed file and, where it was guessed, their encoding; or why it is rejected."""
    content = read_bytes(root, item)
    if isinstance(content, Rejected):
        return content
    guess = encoding == AUTO
    written = find_encoding(content) if guess else encoding
    guessed = {} if encoding != AUTO or written in SURE else {"encoding": written}
    encoding = written
    text = decode(content, encoding)
    if text is None and b"\x00" in content and not content.startswith(UTF16_MARKS):
        return Rejected(item.name, "binary", f"holds a NUL byte at byte {content.index(0)}")
    if text is None:
        return Rejected(
            item.name,
            "not-decodable",
            f"is not {encoding}, the likeliest; save it as UTF-8"
            if guess
            else f"is not {encoding}; set source.encoding=NAME if all files are of another, "
            "or source.encoding=auto to find it for each",
        )
    return Rejected(item.name, *found) if (found := unfit(text)) is not None else (text, guessed)


def guesses(documents: Sequence[Document]) -> list[str]:
    """Say as what files were read whose encoding was left open, where that is not UTF-8, and how csv was parted."""
    said = []
    for key, way in (("encoding", "read as {}, which is a guess; set source.encoding"),
                     ("delimiter", "csv with {} between cells, as found")):  # fmt: skip
        files = {d.path: d.meta[key] for d in documents if key in d.meta}
        for name, n in Counter(files.values()).most_common():
            which = [path for path, value in files.items() if value == name]
            named = ", ".join(which[:SHOWN_FILES]) + (", ..." if n > SHOWN_FILES else "")
            said.append(f"{n:,} {'file is' if n == 1 else 'files are'} {way.format(name)}: {named}")
    return said


def decode(content: bytes, encoding: str) -> str | None:
    """Decode bytes, a byte order mark deciding where there is one; None where they are not of that encoding."""
    if content.startswith(UTF16_MARKS):
        encoding = "utf-16"
    elif encoding.lower().replace("-", "") == "utf8":
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except (UnicodeError, LookupError):
        return None
