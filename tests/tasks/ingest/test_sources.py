import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.ingest import Files, PythonDocs, Source, Tables
from tasks.data.documents import Item, Rejected
from tasks.errors import DataError
from tasks.ingest.python_docs import read_package
from tasks.ingest.sources import SourceContents, list_source, read_source


def letters(texts: Sequence[str]) -> list[int]:
    """Count every character as a token."""
    return [len(text) for text in texts]


def read(source: Source) -> SourceContents:
    """List and read a source."""
    return read_source(source, list_source(source)[0], letters)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_folder_is_scanned_and_read_file_by_file(notes: Path) -> None:
    (notes / "picture.png").write_bytes(b"\x89PNG")
    items, ignored = list_source(Files(path=str(notes)))
    names = ["bakery.md", "harbour.html", "lighthouse.txt", "orchard.txt", "railway.txt"]
    assert [item.name for item in items] == names
    assert ignored == 1
    assert [d.id for d in read(Files(path=str(notes))).documents] == names


def test_the_limit_of_a_file_is_in_megabytes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 1_001)
    (tmp_path / "b.txt").write_bytes(b"x" * 1_000)
    items, _ = list_source(Files(path=str(tmp_path), max_file_mb=0.001))
    assert items == [Item("a.txt", 1_001, "", "too-large"), Item("b.txt", 1_000, digest(b"x" * 1_000))]


def test_a_table_is_one_file_or_all_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"text\nfrom b\n")
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "from a"}')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.csv").write_bytes(b"text\nfrom c\n")
    assert [d.id for d in read(Tables(path=str(tmp_path / "b.csv"))).documents] == ["b.csv#2"]
    assert [d.text for d in read(Tables(path=str(tmp_path))).documents] == ["from a", "from b", "from c"]


def test_a_table_named_by_a_link_is_read_but_a_link_in_a_folder_is_not(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_bytes(b"text\nbehind a link\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.txt")
    assert [d.id for d in read(Tables(path=str(tmp_path / "link.csv"))).documents] == ["link.csv#2"]
    assert read(Tables(path=str(tmp_path))).rejected == [Rejected("link.csv", "link", "not read: link")]


@pytest.mark.parametrize("path", ["missing", "~nobody-of-this-name/notes"], ids=["missing", "user"])
@pytest.mark.parametrize("kind", [Files, Tables])
def test_a_source_that_is_not_there_is_named(path: str, kind: type[Files | Tables]) -> None:
    with pytest.raises(DataError, match=f"source.path '{path}' is not a folder; give one that holds"):
        list_source(kind(path=path))


def test_the_home_of_a_user_may_be_written_as_a_tilde(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(notes.parent))
    assert len(read(Files(path="~/notes")).documents) == 5


def test_a_package_is_scanned_file_by_file_behind_links_too(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write(mod="x = 1\n")
    (tmp_path / "cached.py").write_bytes(b"y = 2\n")
    (folder / "linked.py").symlink_to(tmp_path / "cached.py")
    items, ignored = list_source(PythonDocs(packages=("pkg",)))
    assert items == [
        Item("pkg/__init__.py", 0, digest(b"")),
        Item("pkg/linked.py", 6, digest(b"y = 2\n")),
        Item("pkg/mod.py", 6, digest(b"x = 1\n")),
    ]
    assert ignored == 0


def test_the_first_of_each_id_and_each_text_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text\n../a,one\nb,two\n../a,three\nc,one\nd/..,four\n", "utf-8")
    source = Tables(path=str(path), id="id")
    found = read_source(source, list_source(source)[0], letters, keep_duplicates=False)
    assert [(d.id, d.text) for d in found.documents] == [("../a", "one"), ("b", "two"), ("d/..", "four")]
    again = Rejected("../a", "repeated-id", "another document has this id, and another text; set source.id")
    assert found.rejected == [again, Rejected("c", "duplicate", "has the text of ../a")]
    kept = read(source)
    assert [(d.id, d.text) for d in kept.documents] == [("../a", "one"), ("b", "two"), ("c", "one"), ("d/..", "four")]
    assert (kept.rejected, kept.counts) == ([again], {"duplicates": 1})


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), max_size=12))
def test_every_row_is_kept_or_rejected_and_none_is_kept_twice(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("id,text\n" + "".join(f"{a},{b}\n" for a, b in [("first", "first"), *rows]), "utf-8")
    source = Tables(path=str(path), id="id")
    found = read_source(source, list_source(source)[0], letters, keep_duplicates=False)
    assert len(found.documents) + len(found.rejected) == len(rows) + 1
    assert {r.reason for r in found.rejected} <= {"duplicate", "repeated-id"}
    assert len({d.id for d in found.documents}) == len({d.text for d in found.documents}) == len(found.documents)
    kept = {d.id for d in found.documents} | {d.text for d in found.documents}
    assert all(a in kept or b in kept for a, b in rows)
    every, first = read(source), {a: (a, b) for a, b in reversed([("first", "first"), *rows])}
    assert [(d.id, d.text) for d in every.documents] == [
        first[a] for a in dict.fromkeys(["first", *(a for a, _ in rows)])
    ]
    assert every.counts["duplicates"] == len(every.documents) - len({d.text for d in every.documents})


def test_a_bad_file_of_a_package_leaves_the_others(build: Callable[..., object]) -> None:
    build(bad="def f(:", good="def f(): 'Doc.'")
    found = read(PythonDocs(packages=("pkg",)))
    assert [d.id for d in found.documents] == ["pkg.good.f"]
    assert [r.item for r in found.rejected] == ["pkg/bad.py"]


@pytest.mark.slow
def test_packages_take_turns_until_the_budget_is_reached() -> None:
    """Compare with the plainest way: all names in turn, then all methods; the next document would be one too much."""
    docs = [read_package("json"), read_package("http")]
    queue = []
    for lists in ([d.names for d in docs], [d.methods for d in docs]):
        for place in range(max(map(len, lists))):
            queue += [documents[place] for documents in lists if place < len(documents)]
    unique = {document.text: document for document in reversed(queue)}
    queue = [document for document in queue if unique[document.text] is document]
    for budget in (1_000, 5_000, 20_000, 100_000_000):
        found = read(PythonDocs(packages=("json", "http"), max_tokens=budget))
        taken = len(found.documents)
        assert found.documents == queue[:taken]
        assert found.left_out == len(queue) - taken
        assert sum(len(d.text) for d in queue[:taken]) <= budget
        assert taken == len(queue) or sum(len(d.text) for d in queue[: taken + 1]) > budget


def test_a_budget_ends_within_a_block_of_documents_counted_at_once(build: Callable[..., object]) -> None:
    build(mod="".join(f"def f{i:03}(): '{i:010}'\n" for i in range(300)))
    found = read(PythonDocs(packages=("pkg",), max_tokens=2_700))
    assert [len(found.documents), found.left_out] == [270, 30]
