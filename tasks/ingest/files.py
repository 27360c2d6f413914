"""Read text files of a folder: txt and md as they are, html without markup."""

import errno
import fnmatch
import os
import re
import stat
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

from tasks.data import digests
from tasks.data.documents import Document, Item, Rejected
from tasks.errors import DataError
from tasks.ingest.dialects import AUTO, SURE, UTF16_MARKS, find_encoding
from tasks.text.sentences import unfit

BLOCKS = {"p", "div", "br", "li", "ul", "ol", "tr", "table", "section", "article", "header", "footer", "blockquote",
"pre",
          "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "main", "aside", "nav", "figure", "hr", "title"}  # fmt: skip
MARKUP = re.compile(  # comments, scripts and declarations; one that is never closed reaches to the end
    r"<!--.*?(?:-->|\Z)|<(script|style)(?![\w-]).*?(?:</\1(?![\w-])[^>]*(?:>|\Z)|\Z)|<[!?][^>]*(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
MAX_TITLE_LENGTH = 512
SILENT = {"script", "style", "template", "noscript", "svg", "iframe", "object"}


def list_folder(root: Path, patterns: Sequence[str], max_bytes: int) -> tuple[list[Item], int]:
    """List what a folder holds.

    Links are never followed, neither to files nor to folders, and nothing but a regular file is opened.

    Args:
        root: The folder.
        patterns: Shell patterns of the file names to read.
        max_bytes: Larger files are listed with the reason `too-large` and not read.

    Returns:
        The matching files in order of their names, and how many others there were.

    Raises:
        DataError: There is no such folder.
    """
    if not root.is_dir():
        raise DataError(f"source.path {str(root)!r} is not a folder; give one that holds {', '.join(patterns)}")
    items, ignored = [], 0
    root, closed = root.resolve(), set[Path]()
    for current, folders, names, descriptor in os.fwalk(root, follow_symlinks=False):
        folders.sort()
        below = Path(current).relative_to(root)
        closed = closed - {below} | {below / folder for folder in folders}
        for name in sorted(names):
            if any(fnmatch.fnmatch(name.lower(), pattern.lower()) for pattern in patterns):
                items.append(_scan(name, descriptor, (below / name).as_posix(), max_bytes))
            else:
                ignored += 1
    items += [Item(_label(f.as_posix()), 0, "", "unreadable") for f in closed if not (root / f).is_symlink()]
    return sorted(items, key=lambda item: item.name), ignored


def count_others(root: Path, patterns: Sequence[str]) -> int:
    """Return how many files of a folder match no pattern; nothing is opened."""
    names = (name for _, _, names in os.walk(root, followlinks=False) for name in names)
    return sum(not any(fnmatch.fnmatch(name.lower(), p.lower()) for p in patterns) for name in names)


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


def read_file(root: Path, item: Item, encoding: str) -> Document | Rejected:
    """Read one listed file as a document, or say why it is rejected."""
    if item.reason:
        return Rejected(item.name, item.reason, unread(item))  # type: ignore[arg-type]
    try:
        content, sha = digests.read(root / item.name)
    except OSError:
        content, sha = b"", ""
    if sha != item.sha256:
        return Rejected(item.name, "changed", "changed while it was being read; run again")
    written = find_encoding(content) if encoding == AUTO else encoding
    guessed = {} if encoding != AUTO or written in SURE else {"encoding": written}
    encoding = written
    text = decode(content, encoding)
    if text is None and b"\x00" in content and not content.startswith(UTF16_MARKS):
        return Rejected(item.name, "binary", f"holds a NUL byte at byte {content.index(0)}")
    if text is None:
        return Rejected(
            item.name,
            "not-decodable",
            f"is not {encoding}; set source.encoding=NAME if all files are of another, "
            "or source.encoding=auto to find it for each",
        )
    if (found := unfit(text)) is not None:
        return Rejected(item.name, *found)
    kind = Path(item.name).suffix.lstrip(".").lower()
    marked_up = kind in ("html", "htm")
    text, title = plain_html(text) if marked_up else (text, first_heading(text) if kind == "md" else "")
    if (found := unfit(text)) is not None:
        return Rejected(item.name, *found)
    title = title[:MAX_TITLE_LENGTH] or Path(item.name).stem
    return Document(
        id=item.name, text=text, title=title, source="files", path=item.name,
        line=0 if marked_up else 1, kind=kind,
        meta={"sha256": item.sha256} | guessed,
    )  # fmt: skip


def guesses(documents: Sequence[Document]) -> list[str]:
    """Say as what files were read whose encoding was left open, where that is not UTF-8."""
    found = Counter(d.meta["encoding"] for d in documents if "encoding" in d.meta)
    return [
        f"{n:,} files are read as {name}, which is a guess; set source.encoding" for name, n in found.most_common()
    ]


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


def first_heading(text: str) -> str:
    """Return the first heading of a Markdown text, or nothing."""
    return next((line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#")), "")


def plain_html(markup: str) -> tuple[str, str]:
    """Return the visible text of an HTML page and its title; scripts, styles and embedded objects are dropped."""
    markup = MARKUP.sub("", markup)
    whole = markup.rfind(">") + 1
    reader = _Reader()
    reader.feed(markup[:whole] + markup[whole:].replace("<", "&lt;"))  # no tag is closed after the last >
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.text).splitlines())
    return "\n".join(line for line in lines if line), " ".join("".join(reader.title).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self.title: list[str] = []
        self.silent = 0
        self.in_title = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.silent += tag in SILENT
        self.in_title = tag == "title" and not self.silent
        if tag in BLOCKS:
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in SILENT))
        self.in_title = False
        if tag in BLOCKS:
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.title.append(data)
        elif not self.silent:
            self.text.append(data)
