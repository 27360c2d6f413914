import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from configs.ingest import Files, Ingest, PythonDocs, Source, Tables
from configs.models import EMBEDDED
from tasks.data.documents import Document, Ingested, Item, Rejected
from tasks.data.search import Query
from tasks.errors import ContractError, DataError
from tasks.ingest import ingest_documents, ingest_queries, list_items, name_of
from tasks.models import files as model_files
from tasks.store import losses, objects

pytestmark = pytest.mark.usefixtures("home")


def ingest(source: Source, **limits: float) -> Ingested:
    """List a source and ingest it with the tokens of the embedded encoder."""
    return ingest_documents.fn(
        list_items(source), source, Ingest.model_validate(limits), model_files.describe(EMBEDDED)
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (PythonDocs(), "python-docs"),
        (Files(path="/data/My Notes (2024)"), "my-notes-2024"),
        (Files(path="/data/notes/../letters/"), "letters"),
        (Tables(path="/data/facts.v2.jsonl.gz"), "facts"),
        (Files(path="/"), "collection"),
        (Files(path="/data/漢字"), "collection-c6d29771"),
        (Files(path="~nobody-of-this-name"), "nobody-of-this-name"),
    ],
    ids=["packages", "folder", "dots", "file", "root", "no letters", "unknown user"],
)
def test_a_collection_is_named_after_its_source(source: Source, name: str) -> None:
    assert name_of(source, None) == name


def test_a_name_that_was_given_is_taken() -> None:
    assert name_of(PythonDocs(), "mine") == "mine"


def test_a_given_name_that_is_none_is_refused() -> None:
    with pytest.raises(ContractError, match=r"'../x' is not a name; use up to 64 of a-z"):
        name_of(PythonDocs(), "../x")


def test_a_scan_is_stored_item_by_item(notes: Path) -> None:
    ref = list_items(Files(path=str(notes)))
    assert [item.name for item in objects.load_rows(ref, Item)][:2] == ["bakery.md", "harbour.html"]
    assert list_items(Files(path=str(notes))) == ref
    (notes / "bakery.md").write_text("changed", "utf-8")
    assert list_items(Files(path=str(notes))) != ref


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            Files,
            r"holds no file like \*\.txt, \*\.md, .*\*\.xls; of other kinds it holds 1; put documents there, name ",
        ),
        (Tables, r"holds no file like \*\.jsonl, .*; of other kinds it holds 1; put tables there, or name another"),
    ],
)
def test_a_folder_of_nothing_but_other_files_is_refused_with_what_was_looked_for(
    source: type[Files | Tables], message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match=f"^source.path '{tmp_path}' {message}"):
        list_items(source(path=str(tmp_path)))


def test_an_empty_folder_has_no_files_of_other_kinds_and_no_package_none_to_read(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"\*\.xls; put documents there, name another source\.path, or set source\.patt"
    ):
        list_items(Files(path=str(tmp_path)))
    with pytest.raises(DataError, match=r"source\.packages names no package"):
        list_items(PythonDocs(packages=()))


def test_queries_are_stored_as_they_were_put() -> None:
    ref = ingest_queries(["why?", " [SEP] "])
    assert objects.load_rows(ref, Query) == [Query("0", "why?"), Query("1", " [SEP] ")]


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([], "there are no queries; ask at least one"),
        (["a", " \u200b"], "query 2 has no visible character; give a question"),
        (["a\x00"], "query 1 holds a NUL byte at character 1; give a question"),
        (["\ud800"], r"query 1 holds half a character \(a lone surrogate\) at character 0; give a question"),
    ],
    ids=["none", "blank", "NUL", "surrogate"],
)
def test_a_query_that_asks_nothing_is_refused(queries: list[str], message: str) -> None:
    with pytest.raises(ContractError, match=f"^{message}$"):
        ingest_queries(queries)


def test_documents_and_what_was_rejected_are_stored(notes: Path) -> None:
    (notes / "bad.txt").write_bytes(b"\xff\xfa")
    (notes / "copy.txt").write_bytes((notes / "orchard.txt").read_bytes())
    made = ingest(Files(path=str(notes)))
    documents = objects.load_rows(made.documents, Document)
    assert made.documents.rows == len(documents) == 6
    assert "The pilot boards at the buoy." in {d.title: d.text for d in documents}["The harbour"]
    rejected = objects.load_rows(made.rejected, Rejected)
    assert [(r.item, r.reason) for r in rejected] == [("bad.txt", "not-decodable")]
    assert made.counts == {"left_out": 0, "duplicates": 1, "scripts": 1}


def test_odd_but_readable_text_survives_the_store(tmp_path: Path) -> None:
    texts = ["[SEP] </s>", "\x1b[31mred", "=1+1", "👩\u200d👧 é\u0301", "\u202eabc", "x" * 3_000_000]
    rows = [{"id": f"../{i}", "text": text} for i, text in enumerate(texts)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    made = ingest(Tables(path=str(tmp_path / "t.jsonl"), id="id"))
    assert [(d.id, d.text) for d in objects.load_rows(made.documents, Document)] == [
        (r["id"], r["text"]) for r in rows
    ]


def test_a_reason_that_quotes_broken_names_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"\\ud800": 1}\n{"text": "good"}\n')
    made = ingest(Tables(path=str(tmp_path / "t.jsonl")))
    (rejected,) = objects.load_rows(made.rejected, Rejected)
    assert rejected.detail == r"has no value in column 'text'; it has '\ud800'"


@pytest.mark.slow
def test_the_budget_of_packages_is_counted_in_tokens_of_the_encoder(build: Callable[..., object]) -> None:
    build(mod="".join(f"def f{i}(): '{'Cat! ' * 240}{i}'\n" for i in range(9)))
    made = ingest(PythonDocs(packages=("pkg",), max_tokens=1_000))
    assert made.documents.rows == 2  # twice 481 tokens


def test_too_much_that_cannot_be_read_stops_the_run_with_the_commonest_reason(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("good", "utf-8")
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_bytes(b"")
    message = (
        r"2 of 3 items cannot be read \(2 empty; first: a.txt has no visible character\); "
        "fix them or raise ingest.max_rejected_share"
    )
    with pytest.raises(DataError, match=message):
        ingest(Files(path=str(tmp_path)))
    assert ingest(Files(path=str(tmp_path)), max_rejected_share=0.7).documents.rows == 1


def test_duplicates_do_not_count_against_a_source(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text("the same", "utf-8")
    found = ingest(Files(path=str(tmp_path)), max_rejected_share=0, duplicates="drop")
    assert (found.documents.rows, found.rejected.rows) == (1, 3)
    assert ingest(Files(path=str(tmp_path)), max_rejected_share=0).documents.rows == 4


def test_a_source_of_which_nothing_can_be_read_is_refused_whatever_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 1 items cannot be read \(1 empty; first: a.csv has no rows\); fix"):
        ingest(Tables(path=str(tmp_path)), max_rejected_share=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "left_out"), [("pass", 0), (f"'{'word ' * 1_001}'", 1)], ids=["undocumented", "over the budget"]
)
def test_a_package_that_gives_no_document_is_refused(build: Callable[..., object], text: str, left_out: int) -> None:
    build(mod=f"def f(): {text}\n")
    with pytest.raises(DataError, match=f"the source holds no documents but {left_out} beyond source.max_tokens"):
        ingest(PythonDocs(packages=("pkg",), max_tokens=1_000))


@pytest.mark.parametrize(
    ("source", "setting"), [(Files, "; source.patterns"), (Tables, "")], ids=["documents", "tables"]
)
def test_files_of_other_kinds_are_said_by_their_endings_in_every_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: Any, setting: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.csv", "b.ods", "c.ODS", "README"):
        (folder / name).write_text("text\nx\n")
    said = f"3 files of other kinds are left alone (2 .ods, 1 without an ending{setting})"
    for _ in range(2):  # the second run finds the step stored
        with losses.noting():
            list_items(source(path=str(folder)))
            step: Any = SimpleNamespace(value=ingest(source(path=str(folder))), metrics={})
            found = losses.of_steps([SimpleNamespace(name="ingest-documents", record=step)])  # type: ignore[list-item]
        assert found is not None
        assert found.stated()["notes"] == [said]
        assert said in found.lines()
    assert [record.message for record in caplog.records].count(said) == 1


@pytest.mark.parametrize("name", ["latin99", "base64"])
def test_what_is_no_encoding_of_text_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is no encoding that Python knows"):
        Files(path=".", encoding=name)
