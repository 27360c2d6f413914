"""Reranking in the flows: stored like everything else, judged beside the other ways, checked before a run."""

from pathlib import Path

import pytest

from configs.embed import Embed
from configs.evaluate import Evaluate
from configs.flows import KnowledgeBase, RagAnswers, SemanticSearch
from configs.generate import Extractive
from configs.ingest import Files
from configs.rerank import CrossEncoder, LateInteraction, Mmr, Rerank
from configs.retrieve import Sparse
from flows import rag_answers as asking
from flows import semantic_search as searching
from flows.knowledge_base import knowledge_base
from flows.rag_answers import rag_answers
from flows.semantic_search import semantic_search
from tasks.errors import ModelError

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]
QUERIES = ["when do ships enter the port", "the of", "sour starter for bread"]


@pytest.fixture
def collection(searchable: Path) -> str:
    """Return the name of a collection of five notes."""
    return searchable.name


@pytest.mark.parametrize("config", [LateInteraction(k=3), Mmr(k=3)], ids=["late-interaction", "mmr"])
def test_a_reranked_search_repeats_from_the_store(collection: str, config: Rerank) -> None:
    first, second = (
        semantic_search(queries=QUERIES, collection=collection, config=SemanticSearch(rerank=config)) for _ in range(2)
    )
    assert first.tasks["run"] > 0
    assert second.tasks["run"] == 0
    assert second.refs == first.refs
    assert second.result == first.result
    assert [hit["rank"] for hit in first.result["queries"][0]["hits"]] == [1, 2, 3]
    assert first.result["queries"][0]["hits"][0]["document"] == "harbour.html"


def test_a_query_that_finds_nothing_stays_without_hits(collection: str) -> None:
    config = SemanticSearch(retrieve=Sparse(), rerank=LateInteraction())
    found = semantic_search(queries=["the of", "lamp"], collection=collection, config=config).result["queries"]
    assert [len(asked["hits"]) for asked in found] == [0, 1]


def test_an_answer_is_made_of_reranked_passages(collection: str) -> None:
    config = RagAnswers(rerank=LateInteraction(k=1, candidates=5), answer=Extractive(no_answer_below=-1))
    outcome = rag_answers(question="When do the ships enter the port?", collection=collection, config=config)
    assert {cited["document"] for cited in outcome.result["citations"]} == {"harbour.html"}
    assert outcome.metrics["rerank-late.candidates"] == 5
    assert outcome.metrics["rerank-late.hits"] == 1


def test_the_evaluation_judges_the_reranked_order_beside_the_others(searchable: Path) -> None:
    questions = searchable.parent / "questions.jsonl"
    questions.write_text('{"question": "When do ships enter?", "answers": ["harbour.html"]}\n', "utf-8")
    config = KnowledgeBase(
        embed=Embed(precision="fp32"), topics=None, evaluate=Evaluate(questions=str(questions)),
        rerank=LateInteraction(k=1, candidates=5),
    )  # fmt: skip
    outcome = knowledge_base(source=Files(path=str(searchable)), config=config)
    judged = outcome.result["evaluation"]
    assert judged["recall@10 reranked"]["value"] == 1
    assert "ndcg@10 difference reranked - fused" in judged
    assert "reranked - fused" in Path(outcome.report).read_text("utf-8")


def test_a_model_that_is_not_there_is_said_before_a_run(collection: str) -> None:
    gone = CrossEncoder(model="/no/model")
    with pytest.raises(ModelError, match="model '/no/model' is not a folder"):
        searching.preflight(QUERIES, collection, config=SemanticSearch(rerank=gone))
    with pytest.raises(ModelError, match="model '/no/model' is not a folder"):
        asking.preflight("Who?", collection, RagAnswers(rerank=gone))
