"""Answers are followed back to documents and files, and documents forward to answers, as a record kept apart says."""

import hashlib
from pathlib import Path

import pytest

from configs.embed import Embed
from configs.flows import AnswerLineage, KnowledgeBase
from configs.ingest import Files
from configs.publish import Publish
from flows.answer_lineage import answer_lineage, preflight
from flows.knowledge_base import knowledge_base
from flows.rag_answers import rag_answers
from tasks.data.run import Outcome
from tasks.errors import ContractError
from tasks.store import collections

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]
QUESTIONS = {
    "When is bread baked?": "bakery.md",
    "When are apple trees pruned?": "orchard.txt",
    "When does the night train leave?": "railway.txt",
}


def build(notes: Path, keep: int = 5) -> None:
    config = KnowledgeBase(embed=Embed(precision="fp32"), topics=None, publish=Publish(keep=keep))
    knowledge_base(source=Files(path=str(notes)), collection="notes", config=config)


def ask(question: str) -> Outcome:
    answered = rag_answers(question=question, collection="notes")
    assert answered.result["citations"], question
    return answered


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_answer_leads_back_to_the_file_it_was_read_from_and_forward_again(searchable: Path) -> None:
    kept_apart: list[tuple[str, str, str, str]] = []  # answers, document, sha256 of the file, of the text
    for question, document in QUESTIONS.items():
        digest = ask(question).refs["answers"]["digest"]
        text = (searchable / document).read_text("utf-8")
        kept_apart.append((digest, document, sha256(searchable / document), hashlib.sha256(text.encode()).hexdigest()))
    (searchable / "orchard.txt").write_text("Apple trees are pruned in March now. Wasps come in September.", "utf-8")
    build(searchable)
    text = (searchable / "orchard.txt").read_text("utf-8")
    digest = ask("When are apple trees pruned?").refs["answers"]["digest"]
    kept_apart.append(
        (digest, "orchard.txt", sha256(searchable / "orchard.txt"), hashlib.sha256(text.encode()).hexdigest())
    )

    for number, (digest, document, file_sha, text_sha) in enumerate(kept_apart):
        found = answer_lineage(answer=digest[:20]).result
        trail = next(t for t in found["trails"] if t["document"] == document)
        assert (trail["item"], trail["item_sha256"], trail["answers"]) == (document, file_sha, digest)
        assert trail["passage"] == f"{document}#0"
        if document != "bakery.md":  # of which Markdown is read as text
            assert trail["version"] == text_sha
        assert trail["live"] == (number != 1)
        assert trail["generations"] == (["notes/2"] if number == 3 else ["notes/1"])
        live = collections.live("notes").fingerprint
        assert trail["encoder"]["identity"] == live.encoder.identity
        assert trail["encoder"]["precision"] == "fp32"

    forward = answer_lineage(document="orchard.txt").result
    mine = {(t["answers"], t["version"], t["live"]) for t in forward["trails"]}
    assert mine == {(kept_apart[1][0], kept_apart[1][3], False), (kept_apart[3][0], kept_apart[3][3], True)}
    assert forward["live_versions"] == {"notes": kept_apart[3][3]}
    assert {t["document"] for t in forward["trails"]} == {"orchard.txt"}


def test_a_run_is_named_by_its_id_or_left_out_for_the_newest_answer(searchable: Path) -> None:
    asked = ask("When is bread baked?")
    ask("When does the night train leave?")
    from tasks.runtime import mlflow_run

    client = mlflow_run.prepare()
    run = client.get_run(asked.mlflow_run_id).data.tags["prefect.flow_run_id"]
    (trail, *_) = answer_lineage(answer=run).result["trails"]
    assert (trail["question"], trail["document"]) == ("When is bread baked?", "bakery.md")
    (newest, *_) = answer_lineage().result["trails"]
    assert newest["question"] == "When does the night train leave?"
    with pytest.raises(ContractError, match=r"flow run .* has published no answers; give a run of rag-answers"):
        answer_lineage(answer="00000000-0000-4000-8000-000000000000")


def test_a_generation_that_is_not_kept_any_more_is_followed_through_the_records_of_its_steps(
    searchable: Path,
) -> None:
    old = ask("When are apple trees pruned?").refs["answers"]["digest"]
    was = sha256(searchable / "orchard.txt")
    (searchable / "orchard.txt").write_text("Nothing grows here any more, the trees were felled.", "utf-8")
    build(searchable, keep=1)
    outcome = answer_lineage(answer=old)
    (trail, *_) = outcome.result["trails"]
    assert (trail["item_sha256"], trail["live"], trail["generations"]) == (was, False, [])
    assert "none is kept" in Path(outcome.report).read_text("utf-8")


def test_a_document_nobody_cited_has_no_answers(searchable: Path) -> None:
    ask("When is bread baked?")
    found = answer_lineage(document="harbour.html").result
    assert (found["answers"], found["trails"]) == (0, [])
    assert set(found["live_versions"]) == {"notes"}


def test_no_more_answers_are_followed_than_was_allowed_and_all_are_counted(searchable: Path) -> None:
    for question in ("When is bread baked?", "At what hour is bread baked?"):
        ask(question)
    found = answer_lineage(document="bakery.md", config=AnswerLineage(limit=1)).result
    assert (found["answers"], found["followed"]) == (2, 1)
    assert found["trails"][0]["question"] == "At what hour is bread baked?"


def test_a_call_that_names_nothing_or_too_much_is_refused(workspace: Path) -> None:
    with pytest.raises(ContractError, match=r"there is no answer in .* that can be traced; ask with rag-answe"):
        preflight()
    with pytest.raises(ContractError, match=r"answer is 'abc123' and document is 'd' but one of them was needed"):
        preflight("abc123", "d")
    with pytest.raises(ContractError, match=r"answer 'xyz' is neither a flow run nor six or more characters"):
        preflight("xyz")
    with pytest.raises(ContractError, match=r"there is no answer 'abc123' in "):
        preflight("abc123")
