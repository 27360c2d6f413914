"""How a team tests a flow, a preset and a task of its own; `docs/testing.md` shows this file."""

from pathlib import Path

import pytest

from configs.embed import Embed
from configs.tokenize import Chunk
from tasks.data.documents import Document, DocumentsRef
from tasks.embed import describe_encoder
from tasks.launch.testing import RunFlow
from tasks.store import objects
from tasks.tokenize import chunk_documents


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nAsk your lead two weeks before you go on leave.", "utf-8")
    (folder / "keys.md").write_text("# Keys\n\nThe spare key of the office lies with the porter.", "utf-8")
    return folder


@pytest.mark.flow
def test_the_handbook_answers_what_we_ask(run_flow: RunFlow, handbook: Path) -> None:
    made = run_flow("knowledge-base", "source.kind=files", f"source.path={handbook}", "topics=null")
    assert made.result["documents"] == 2
    found = run_flow("semantic-search", 'queries=["Who has the spare key?"]', "retrieve.k=1")
    assert found.result["queries"][0]["hits"][0]["document"] == "keys.md"


@pytest.mark.flow
def test_a_second_run_computes_nothing(run_flow: RunFlow) -> None:
    assert run_flow("tokenizer-report", 'text=["one"]').tasks["run"] > 0
    assert run_flow("tokenizer-report", 'text=["one"]').tasks["run"] == 0


@pytest.mark.usefixtures("workspace", "without_prefect")
def test_no_passage_is_longer_than_we_allow() -> None:
    long = Document("a", "One more sentence stands here. " * 50, "A", "files", "")
    documents = objects.save_rows(DocumentsRef, Document, [long])
    passages = chunk_documents(documents, describe_encoder(Embed()).encoder, Chunk(max_tokens=40))
    assert passages.rows > 5
