import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.documents import Document, DocumentsRef
from tasks.data.releases import Delta
from tasks.data.search import Generation
from tasks.index import compare_documents, live_before
from tasks.index.delta import count_changes
from tasks.store import objects

VERSIONS = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("123"))


@given(VERSIONS, VERSIONS)
def test_every_document_before_and_after_is_counted_once(before: dict[str, str], after: dict[str, str]) -> None:
    found = count_changes(before, after)
    pairs = [(before.get(name), after.get(name)) for name in {*before, *after}]
    assert found == {
        "added": sum(old is None for old, _ in pairs),
        "changed": sum(None not in pair and pair[0] != pair[1] for pair in pairs),
        "removed": sum(new is None for _, new in pairs),
        "unchanged": sum(old == new for old, new in pairs),
    }


def changed(shelf: Generation, **texts: str) -> DocumentsRef:
    """Return the documents of the shelf with other texts; an empty one is removed, a new one added."""
    rows = {d.id: d for d in objects.load_rows(shelf.documents, Document)}
    for name, text in texts.items():
        rows[name] = Document(name, text, name.title(), "shelf", f"{name}.txt", 3)
    return objects.save_rows(DocumentsRef, Document, [d for d in rows.values() if d.text])


def test_documents_are_compared_with_the_live_ones_by_id_and_text(shelf: Generation) -> None:
    now = changed(shelf, cats="Cats sleep.", dogs="", birds="Birds sing.")
    found = compare_documents(live_before("shelf"), now)
    assert found == Delta(against=1, added=1, changed=1, removed=1, unchanged=1)


def test_a_title_alone_changes_no_document(shelf: Generation) -> None:
    rows = objects.load_rows(shelf.documents, Document)
    renamed = [Document(d.id, d.text, "Another title", d.source, d.path, d.line) for d in rows]
    found = compare_documents(shelf, objects.save_rows(DocumentsRef, Document, renamed))
    assert found == Delta(against=1, added=0, changed=0, removed=0, unchanged=3)


def test_without_a_generation_everything_is_added(shelf: Generation) -> None:
    assert live_before("another") is None
    assert compare_documents(None, shelf.documents) == Delta(against=0, added=3, changed=0, removed=0, unchanged=0)


def test_a_live_generation_that_is_damaged_is_said_and_not_compared_with(
    shelf: Generation, caplog: pytest.LogCaptureFixture
) -> None:
    objects.forget(shelf.vectors)
    assert live_before("shelf") is None
    assert "the live generation of shelf cannot be compared with: " in caplog.text
