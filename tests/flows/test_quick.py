"""Every flow runs its quick preset, two of them on fewer documents, twice; the second time all is found stored."""

from pathlib import Path

import pytest

from configs.resolve import resolve
from configs.signatures import flow_cards
from flows.answer_lineage import answer_lineage
from flows.chat_session import chat_session, search_in
from flows.image_captions import image_captions
from flows.image_search import image_search
from flows.knowledge_base import knowledge_base
from flows.model_anatomy import model_anatomy
from flows.prompt_chain import prompt_chain
from flows.rag_answers import rag_answers
from flows.search_evaluation import search_evaluation
from flows.semantic_search import semantic_search
from flows.text_classifier import text_classifier
from flows.text_vectors import text_vectors
from flows.tokenizer_report import tokenizer_report
from flows.topic_model import topic_model
from flows.tune_classifier import tune_classifier
from flows.tune_embedder import tune_embedder
from flows.tune_generator import tune_generator
from flows.tune_reranker import tune_reranker
from flows.tune_tagger import tune_tagger
from flows.word_vectors import word_vectors
from tasks.data.run import Outcome
from tasks.index import open_collection

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]

CALLS = {
    "knowledge-base": (knowledge_base, ["@quick"]),
    "semantic-search": (semantic_search, ["@quick"]),
    "search-evaluation": (search_evaluation, ["@quick"]),
    "rag-answers": (rag_answers, ["@quick"]),
    "image-search": (image_search, ["@quick", "source.limit=150"]),
    "image-captions": (image_captions, ["@quick", "source.limit=70", "captioner.training.max_steps=4"]),
    "text-vectors": (text_vectors, ["@quick"]),
    "answer-lineage": (answer_lineage, ["@quick"]),
    "tokenizer-report": (tokenizer_report, ["@quick"]),
    "word-vectors": (word_vectors, ["@quick"]),
    "model-anatomy": (model_anatomy, ["@quick"]),
    "text-classifier": (text_classifier, ["@quick"]),
    "tune-classifier": (tune_classifier, ["@quick"]),
    "tune-tagger": (tune_tagger, ["@quick"]),
    "topic-model": (topic_model, ["@quick", 'find=["colours in a terminal"]']),
    "tune-embedder": (tune_embedder, ["@quick"]),
    "tune-reranker": (tune_reranker, ["@quick"]),
    "tune-generator": (tune_generator, ["@quick"]),
    "prompt-chain": (prompt_chain, ["@offline-test"]),
    "chat-session": (chat_session, ["@offline-test"]),
}


FEWER = {name: ["source.max_tokens=12000"] for name in ("text-classifier", "topic-model")}  # encoding is most of it


def run(name: str, more: list[str] | None = None) -> Outcome:
    flow, words = CALLS[name]
    call = resolve(flow_cards()[name], [*words, *(more or [])])
    outcome = flow(**{field: getattr(call, field) for field in type(call).model_fields})
    assert isinstance(outcome, Outcome)
    return outcome


def test_every_flow_has_a_call_here() -> None:
    assert set(CALLS) == set(flow_cards())


# Up to a minute each; other tests run them on less. The collection of knowledge-base is asked by those that stay.
LONG = ("model-", "tune-", "image-", "text-", "topic-", "word-", "chat-")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.long) if n.startswith(LONG) else n for n in CALLS])
def test_a_quick_run_repeats_from_the_store_with_the_same_digests(
    name: str, quick_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    first, second = run(name, FEWER.get(name)), run(name, FEWER.get(name))
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
    assert answer["citations"][0]["document"] == "networkx.single_source_dijkstra"
    nothing = rag_answers(question="What is the mass of the moon?").result
    assert nothing["citations"] == []
    assert nothing["abstained"].startswith("no answer in this collection: the ")


@pytest.mark.long
def test_quick_runs_show_something_a_reader_believes(quick_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    classes = run("text-classifier").result
    best = classes["measures"][f"macro-F1 {classes['chosen']}"]
    assert best["n"] == classes["test"] >= 100
    assert best["low"] < best["value"] < 1
    assert classes["measures"]["macro-F1 majority class"]["high"] < best["low"]
    assert len(run("tokenizer-report").result["tokenizers"]) == 2
    near = run("word-vectors").result["neighbours"]
    assert {"filename", "format"} & {one["word"] for one in near["file"]}
    assert {"strings", "separator"} & {one["word"] for one in near["string"]}
    assert len(run("topic-model").result["topics"]) >= 3


def test_an_agent_finds_passages_of_the_quick_collection(quick_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(quick_home))
    found = search_in(open_collection(None), 2)("shortest path lengths from a source in a weighted graph")
    assert found[0].split("]")[0] == "[networkx.single_source_dijkstra"
    assert len(found) == 2
