"""Every flow runs its quick preset, twice; the second time everything is found stored."""

from pathlib import Path

import pytest

from configs.resolve import resolve
from configs.signatures import flow_cards
from flows.answer_lineage import answer_lineage
from flows.chat_session import chat_session, search_in
from flows.knowledge_base import knowledge_base
from flows.model_anatomy import model_anatomy
from flows.prompt_chain import prompt_chain
from flows.rag_answers import rag_answers
from flows.semantic_search import semantic_search
from flows.text_classifier import text_classifier
from flows.text_vectors import text_vectors
from flows.tokenizer_report import tokenizer_report
from flows.topic_model import topic_model
from flows.word_vectors import word_vectors
from tasks.data.run import Outcome
from tasks.index import open_collection

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]

CALLS = {
    "knowledge-base": (knowledge_base, ["@quick"]),
    "semantic-search": (semantic_search, ["@quick", 'queries=["numbers equally spaced between two ends"]']),
    "rag-answers": (rag_answers, ["@quick", "question=How do I get equally spaced numbers between two ends?"]),
    "text-vectors": (text_vectors, ["@quick"]),
    "answer-lineage": (answer_lineage, ["@quick"]),
    "tokenizer-report": (tokenizer_report, ["@quick"]),
    "word-vectors": (word_vectors, ["@quick"]),
    "model-anatomy": (model_anatomy, ["@quick"]),
    "text-classifier": (text_classifier, ["@quick"]),
    "topic-model": (topic_model, ["@quick", 'find=["random numbers"]']),
    "prompt-chain": (prompt_chain, ["@quick"]),
    "chat-session": (chat_session, ["@quick"]),
}


def run(name: str) -> Outcome:
    flow, words = CALLS[name]
    call = resolve(flow_cards()[name], words)
    outcome = flow(**{field: getattr(call, field) for field in type(call).model_fields})
    assert isinstance(outcome, Outcome)
    return outcome


def test_every_flow_has_a_call_here() -> None:
    assert set(CALLS) == set(flow_cards())


@pytest.mark.parametrize("name", list(CALLS))
def test_a_quick_run_repeats_from_the_store_with_the_same_digests(
    name: str, quick_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    first, second = run(name), run(name)
    assert second.tasks["run"] == 0
    assert second.tasks["cached"] > 0
    assert second.refs == first.refs
    of_this_run = ("embed-passages.", "embed-queries.", "delta.")
    counted = {n: v for n, v in first.metrics.items() if not n.startswith(of_this_run)}
    assert counted.items() <= second.metrics.items()


def test_the_quick_collection_answers_its_own_question_and_no_other(
    quick_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    answer = run("rag-answers").result
    assert answer["citations"][0]["document"] == "numpy.linspace"
    nothing = rag_answers(question="What is the mass of the moon?").result
    assert nothing["citations"] == []
    assert nothing["abstained"].startswith("no answer in this collection: the ")


def test_an_agent_finds_passages_of_the_quick_collection(quick_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    found = search_in(open_collection(None), 2)("numbers equally spaced between two ends")
    assert "[numpy.linspace]" in found
    assert len(found.split("\n[")) == 2
