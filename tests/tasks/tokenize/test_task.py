import pytest

from configs.models import EMBEDDED
from configs.tokenize import Chunk
from tasks.data.documents import Document, DocumentsRef, Passage
from tasks.models import files as model_files
from tasks.store import objects
from tasks.tokenize import chunk_documents, whole_documents

pytestmark = pytest.mark.usefixtures("home")


def test_stored_documents_become_stored_passages() -> None:
    texts = ["Ships wait for the tide. " * 30, "Rye needs a starter [SEP] fed daily."]
    documents = [Document(f"d{i}", text, "Notes", "files", f"d{i}.txt") for i, text in enumerate(texts)]
    ref = chunk_documents.fn(
        objects.save_rows(DocumentsRef, Document, documents), model_files.describe(EMBEDDED), Chunk(max_tokens=40)
    )
    made = objects.load_rows(ref, Passage)
    assert ref.rows == len(made)
    assert ["".join(p.text for p in made if p.row == row) for row in (0, 1)] == texts
    assert {p.heading for p in made} == {"Notes"}
    assert max(p.tokens for p in made) <= 40


def test_documents_taken_whole_keep_their_ids_and_texts_however_many_there_are() -> None:
    texts = ["Ships wait for the tide. " * 200, " Rye [SEP]\n", *(f"note {i}" for i in range(600))]
    documents = [Document(f"d{i}", text, "Notes", "files", f"d{i}.txt") for i, text in enumerate(texts)]
    ref = whole_documents.fn(objects.save_rows(DocumentsRef, Document, documents), model_files.describe(EMBEDDED))
    made = objects.load_rows(ref, Passage)
    assert [(p.id, p.document, p.row, p.text) for p in made] == [
        (d.id, d.id, row, d.text) for row, d in enumerate(documents)
    ]
    assert {p.heading for p in made} == {""}
    assert made[0].tokens == 200 * 6
    assert made[1].indexed == "Rye [SEP]"
