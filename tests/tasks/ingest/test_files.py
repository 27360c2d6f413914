import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.documents import Document, Item, Rejected
from tasks.errors import DataError
from tasks.ingest.files import decode, describe_file, list_folder, other_kinds, read_file

PATTERNS = ("*.txt", "*.md", "*.html", "*.htm")
LIMIT = 5_000_000
GOOD = "The good file is always read."


def read(folder: Path, encoding: str = "utf-8") -> dict[str, Document | Rejected]:
    """List and read a folder of short files; return what became of each file."""
    items, _ = list_folder(folder, PATTERNS, LIMIT)
    found = {item.name: read_file(folder, item, encoding).rows for item in items}
    assert {len(rows) for rows in found.values()} == {1}
    return {name: rows[0] for name, rows in found.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one good file."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "good.txt").write_text(GOOD, "utf-8")
    return path


@pytest.fixture
def nobody() -> Iterator[Path]:
    """Return a folder with one good file as one who is not root sees it, since root may open everything."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "good.txt").write_text(GOOD, "utf-8")
        Path(name).chmod(0o755)
        user = os.geteuid()
        if user == 0:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
        yield Path(name)
        os.seteuid(user)


def test_a_scan_lists_what_matches_by_name_with_size_and_digest_and_counts_the_rest(folder: Path) -> None:
    (folder / "b").mkdir()
    (folder / "b" / "NOTES.MD").write_bytes(b"# Hi")
    (folder / "a.png").write_bytes(b"\x89PNG")
    items, ignored = list_folder(folder, PATTERNS, LIMIT)
    good = hashlib.sha256(GOOD.encode()).hexdigest()
    assert items == [
        Item("b/NOTES.MD", 4, hashlib.sha256(b"# Hi").hexdigest()),
        Item("good.txt", len(GOOD), good),
    ]
    assert ignored == 1


def test_a_folder_that_is_not_there_is_named_with_what_was_looked_for(tmp_path: Path) -> None:
    message = r"source.path '.*missing' is not a folder; give one that holds \*.txt, \*.md"
    with pytest.raises(DataError, match=message):
        list_folder(tmp_path / "missing", ("*.txt", "*.md"), LIMIT)


def test_a_folder_named_by_a_link_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert read(tmp_path / "link").keys() == {"good.txt"}


def test_a_link_to_a_file_is_rejected_and_its_target_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "broken.txt").symlink_to(tmp_path / "nowhere.txt")
    found = read(folder)
    assert found["out.txt"] == Rejected("out.txt", "link", "not read: link, 0 bytes")
    assert found["broken.txt"] == Rejected("broken.txt", "link", "not read: link, 0 bytes")
    assert isinstance(found["good.txt"], Document)


def test_a_link_to_a_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret.txt").write_text("secret", "utf-8")
    (folder / "out").symlink_to(tmp_path / "other")
    (folder / "round").symlink_to(folder)
    assert read(folder).keys() == {"good.txt"}


@pytest.mark.timeout(10)
def test_a_pipe_is_rejected_without_waiting_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    found = read(folder)
    assert found["pipe.txt"] == Rejected("pipe.txt", "unreadable", "not read: unreadable, 0 bytes")
    assert isinstance(found["good.txt"], Document)


def test_a_name_that_is_not_utf8_is_rejected(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("coffee", "utf-8")
    found = read(folder)
    assert found["caf\ufffd.txt"] == Rejected("caf\ufffd.txt", "unreadable", "not read: unreadable, 0 bytes")
    assert isinstance(found["good.txt"], Document)


def test_a_file_and_a_folder_that_may_not_be_opened_are_rejected(nobody: Path) -> None:
    (nobody / "locked.txt").write_text("x", "utf-8")
    (nobody / "locked.txt").chmod(0)
    (nobody / "closed").mkdir()
    (nobody / "closed").chmod(0)
    found = read(nobody)
    (nobody / "closed").chmod(0o700)
    assert found["locked.txt"] == Rejected("locked.txt", "unreadable", "not read: unreadable, 0 bytes")
    assert found["closed"] == Rejected("closed", "unreadable", "not read: unreadable, 0 bytes")
    assert isinstance(found["good.txt"], Document)


def test_a_source_that_may_not_be_listed_is_said(nobody: Path) -> None:
    (nobody / "closed").mkdir()
    (nobody / "closed").chmod(0)
    for place in (nobody / "closed", nobody / "closed" / "inside"):
        with pytest.raises(DataError, match="may not be listed"):
            list_folder(place, ("*.txt",), 1_000)
    (nobody / "closed").chmod(0o700)


def test_a_name_of_signs_and_dots_is_only_a_name(folder: Path) -> None:
    name = "-..\x1b[31m \n=cmd()'\"<b>.txt"
    (folder / name).write_text("odd", "utf-8")
    found = read(folder)[name]
    assert isinstance(found, Document)
    assert (found.id, found.path, found.text) == (name, name, "odd")


@pytest.mark.parametrize("change", ["content", "gone", "folder"])
def test_a_file_that_changed_since_it_was_listed_is_rejected(folder: Path, change: str) -> None:
    item = describe_file(folder / "good.txt", "good.txt", LIMIT)
    (folder / "good.txt").unlink()
    if change == "content":
        (folder / "good.txt").write_text("other", "utf-8")
    elif change == "folder":
        (folder / "good.txt").mkdir()
    expected = Rejected("good.txt", "changed", "changed while it was being read; run again")
    assert read_file(folder, item, "utf-8").rows == [expected]


BAD: dict[str, tuple[str, bytes, str, str]] = {
    "zero bytes": ("x.txt", b"", "empty", "has no visible character"),
    "whitespace": ("x.txt", b" \n\t ", "empty", "has no visible character"),
    "zero-width": ("x.md", "\u200b\u200d\ufeff".encode(), "empty", "has no visible character"),
    "only a mark": ("x.txt", b"\xef\xbb\xbf", "empty", "has no visible character"),
    "NUL": ("x.txt", b"ab\x00c", "binary", "holds a NUL byte at character 2"),
    "NUL in a page": ("x.html", b"<script>\x00</script>a", "binary", "holds a NUL byte at character 8"),
    "program": ("x.txt", b"MZ\x90\x00\x03\xff\xfe", "binary", "holds a NUL byte at byte 3"),
    "invalid UTF-8": ("x.txt", b"a\xc3\x28", "not-decodable", "is not utf-8; set source.encoding=NAME if"),
    "encoded surrogate": ("x.txt", b"a\xed\xa0\x80", "not-decodable", "is not utf-8"),
    "latin-1": ("x.txt", "Gr\u00fc\u00dfe".encode("latin-1"), "not-decodable", "is not utf-8"),
    "half of UTF-16": ("x.txt", b"\xff\xfea\x00b", "not-decodable", "is not utf-8"),
    "UTF-32": ("x.txt", "ab".encode("utf-32"), "binary", "holds a NUL byte at character 0"),
    "10 MB line": (
        "x.txt",
        b"x" * 10_000_000,
        "too-large",
        "has 10,000,000 bytes, more than source.max_file_mb; raise it",
    ),
    "page of a script": ("x.html", b"<script>alert('x')</script>", "empty", "has no visible character"),
}


@pytest.mark.parametrize(("name", "content", "reason", "detail"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_rejected_with_the_reason_and_the_good_one_is_read(
    folder: Path, name: str, content: bytes, reason: str, detail: str
) -> None:
    (folder / name).write_bytes(content)
    found = read(folder)
    bad, good = found[name], found["good.txt"]
    assert isinstance(bad, Rejected)
    assert (bad.item, bad.reason) == (name, reason)
    assert bad.detail.startswith(detail)
    assert isinstance(good, Document)
    assert good.text == GOOD


def test_half_a_character_is_refused_whatever_encoding_brought_it(folder: Path) -> None:
    (folder / "x.txt").write_bytes(b"a\\ud800")
    assert read(folder, "unicode_escape")["x.txt"] == Rejected(
        "x.txt", "lone-surrogate", "holds half a character (a lone surrogate) at character 1"
    )


FIT: dict[str, tuple[str, bytes, str, str]] = {
    "UTF-8 with a mark": ("x.txt", b"\xef\xbb\xbfhi", "utf-8", "hi"),
    "UTF-16 little": ("x.txt", b"\xff\xfe" + "hi ü".encode("utf-16-le"), "utf-8", "hi ü"),
    "UTF-16 big": ("x.txt", b"\xfe\xff" + "hi ü".encode("utf-16-be"), "UTF8", "hi ü"),
    "UTF-16 without a mark": ("x.txt", "hi ü".encode("utf-16-le"), "utf-16-le", "hi ü"),
    "latin-1 as said": ("x.txt", "Grüße".encode("latin-1"), "latin-1", "Grüße"),
    "stop words": ("x.txt", b"the of and to", "utf-8", "the of and to"),
    "special tokens": ("x.txt", b"[SEP] </s> <|im_end|>", "utf-8", "[SEP] </s> <|im_end|>"),
    "ANSI": ("x.txt", b"\x1b[31mred\x1b[0m", "utf-8", "\x1b[31mred\x1b[0m"),
    "javascript link": ("x.md", b"[a](javascript:alert(1))", "utf-8", "[a](javascript:alert(1))"),
    "markup in text": ("x.txt", b"<script>x</script>", "utf-8", "<script>x</script>"),
    "right to left": ("x.txt", "a\u202eb".encode(), "utf-8", "a\u202eb"),
    "page": ("x.htm", b"<p>One<script>alert('x')</script><p>Two", "utf-8", "One\n\nTwo"),
}


@pytest.mark.parametrize(("name", "content", "encoding", "text"), FIT.values(), ids=FIT.keys())
def test_an_odd_but_readable_file_is_read_as_it_is(
    tmp_path: Path, name: str, content: bytes, encoding: str, text: str
) -> None:
    (tmp_path / name).write_bytes(content)
    found = read(tmp_path, encoding)[name]
    assert isinstance(found, Document)
    assert found.text == text


@pytest.mark.parametrize(
    ("name", "content", "title", "line", "kind"),
    [
        ("a/notes.v2.txt", "# no heading here", "notes.v2", 1, "txt"),
        ("a.md", "intro\n## The  title ##\n# Next", "The title", 1, "md"),
        ("a.MD", "####\ntext", "a", 1, "md"),
        ("a.html", "<title> The\n harbour </title><p>x", "The harbour", 0, "html"),
        ("a.htm", "<p>x", "a", 0, "htm"),
        ("a.md", "# " + "x" * 9_999, "x" * 512, 1, "md"),
    ],
    ids=["text", "heading", "empty heading", "page", "untitled page", "endless heading"],
)
def test_a_document_says_what_it_is(tmp_path: Path, name: str, content: str, title: str, line: int, kind: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content, "utf-8")
    found = read(tmp_path)[name]
    assert isinstance(found, Document)
    assert (found.id, found.path, found.source) == (name, name, "files")
    assert (found.title, found.line, found.kind) == (title, line, kind)
    assert found.meta == {"sha256": hashlib.sha256(content.encode()).hexdigest()}


@pytest.mark.parametrize("encoding", ["klingon", "", "hex", "undefined", "idna"])
def test_an_encoding_that_does_not_exist_or_gives_no_text_decodes_nothing(encoding: str) -> None:
    assert decode(b"\xffabc", encoding) is None


@given(st.text(st.characters(exclude_categories=("Cs",))), st.sampled_from(["utf-8", "utf-16", "UTF-8", "utf-16-le"]))
def test_what_was_encoded_decodes_to_itself(text: str, encoding: str) -> None:
    expected = text.removeprefix("\ufeff") if encoding.lower() == "utf-8" else text
    found = decode(text.encode(encoding), encoding)
    assert found == expected or text.encode(encoding)[:2] in (b"\xff\xfe", b"\xfe\xff")


def test_what_is_hidden_is_left_alone_and_counted(tmp_path: Path) -> None:
    (tmp_path / ".git" / "notes").mkdir(parents=True)
    for name in ("a.txt", ".env.txt", ".git/b.txt", ".git/notes/c.txt", "d.zip"):
        (tmp_path / name).write_text("text")
    items, ignored = list_folder(tmp_path, ["*.txt"], 1_000)
    assert ([item.name for item in items], ignored) == (["a.txt"], 2)
    assert other_kinds(tmp_path, ["*.txt"]) == "3 files of other kinds are left alone (2 hidden, 1 .zip)"
