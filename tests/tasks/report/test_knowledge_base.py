import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tasks.data.answers import Answer, AnswersRef, Citation
from tasks.data.documents import Ingested, Rejected, RejectedRef
from tasks.data.evaluation import (
    Evaluation,
    Measure,
    MeasuresRef,
    Question,
    QuestionSet,
    QuestionsRef,
    Scored,
    ScoresRef,
)
from tasks.data.releases import Comparison, Delta, Release
from tasks.data.search import Generation, QueriesRef, Query, Verified
from tasks.data.topic_names import TopicNaming
from tasks.data.topics import LabelsRef, LayoutRef, Topic, TopicMap, TopicsRef
from tasks.data.vectors import Embedded, Encoded
from tasks.models.encoders import load as encoders
from tasks.report import knowledge_base
from tasks.runtime.mlflow_run import MlflowRun
from tasks.runtime.tracking import Run
from tasks.store import objects

QUESTIONS = [
    Question("1", "Which pet purrs?", ("cats",), ""),
    Question("2", "Who barks?", ("dogs",), ""),
    Question("3", "What is the moon?", (), ""),
]


def ingested(shelf: Generation, rejected: Sequence[Rejected] = ()) -> Ingested:
    return Ingested(documents=shelf.documents, rejected=objects.save_rows(RejectedRef, Rejected, rejected))


def embedded(shelf: Generation, rejected: Sequence[Rejected] = ()) -> Embedded:
    rejected_ref = objects.save_rows(RejectedRef, Rejected, rejected)
    return Embedded(
        passages=shelf.passages, vectors=shelf.vectors, rejected=rejected_ref, fingerprint=shelf.fingerprint
    )


def released(shelf: Generation, comparison: Comparison | None = None) -> Release:
    return Release(
        generation=shelf,
        delta=Delta(against=4, added=1_000, changed=2, removed=3, unchanged=5),
        verified=Verified(passages=3, probes=2, by_vector=2, with_words=2, by_words=1),
        comparison=comparison or Comparison(skipped="no questions"),
    )


def run_of(shelf: Generation) -> Run:
    """Return a run outside any flow and without MLflow."""
    return Run("knowledge-base", "", MlflowRun(unreachable=True), [])


def topics(shelf: Generation) -> TopicMap:
    rows = [Topic(-1, 1, "outliers", (), (), (2,)), Topic(0, 2, "cats, dogs", ("cats", "dogs"), (0.5, 0.4), (0, 1))]
    return TopicMap(
        documents=shelf.documents,
        layout=objects.save_array(LayoutRef, np.array([[0, 1], [2, 3], [4.00004, 5]], dtype=np.float32)),
        labels=objects.save_array(LabelsRef, np.array([0, 0, -1])),
        topics=objects.save_rows(TopicsRef, Topic, rows),
        naming=TopicNaming(topics=1),
    )


def evaluation() -> Evaluation:
    def cite(name: str) -> tuple[Citation, ...]:
        return (Citation(sentence="s", document=name, title="", path="p", line=1, start=0, end=1, score=0.9),)

    given = [
        Answer(question=q.question, text="t", citations=cite(name), abstained="", score=0.9, threshold=0.35)
        for q, name in zip(QUESTIONS, ("cats", "ships", "ships"), strict=True)
    ]
    measures = [
        Measure("ndcg@10", "dense", 0.51236, 0.4, 0.6, 2),
        Measure("ndcg@10 difference", "dense - bm25", -0.1, -0.2, 0.1, 2),
    ]
    return Evaluation(
        asked=QuestionSet(
            questions=objects.save_rows(QuestionsRef, Question, QUESTIONS),
            queries=objects.save_rows(QueriesRef, Query, []),
            answerable=2,
            left_out=0,
        ),
        rankings=objects.save_rows(MeasuresRef, Measure, measures),
        scores=objects.save_rows(ScoresRef, Scored, []),
        answers=objects.save_json(AnswersRef, [a.model_dump(mode="json") for a in given], rows=3),
        decisions=objects.save_rows(MeasuresRef, Measure, [Measure("abstained", "unanswerable", 0, 0, 0.5, 1)]),
    )


def facts_of(text: str) -> dict[str, str]:
    return {name: value for value, name in re.findall(r'<div class="fact"><b>(.*?)</b><span>(.*?)</span>', text)}


def text_of(path: Path) -> str:
    return path.read_text("utf-8")


def test_a_page_counts_documents_passages_tokens_duplicates_and_what_was_rejected(shelf: Generation) -> None:
    first = ingested(shelf, [Rejected("a", "duplicate", "of b"), Rejected("c", "binary", "holds a NUL byte")])
    second = embedded(shelf, [Rejected("d#0", "not-a-number", "NaN")])
    text = text_of(knowledge_base.collection_page(run_of(shelf), released(shelf), first, second, None, None))
    assert facts_of(text) == {
        "documents": "3", "passages": "3", "tokens in passages": "36", "duplicates": "1", "rejected": "2"
    }  # fmt: skip
    assert "<td>c</td><td>binary</td><td>holds a NUL byte</td>" in text
    assert "<td>a</td>" not in text


def test_what_was_not_done_is_said(shelf: Generation) -> None:
    text = text_of(
        knowledge_base.collection_page(run_of(shelf), released(shelf), ingested(shelf), embedded(shelf), None, None)
    )
    assert "topics: turned off, or too few documents" in text
    assert "evaluation: no question has an answer in this collection" in text


def test_documents_beyond_the_limit_on_tokens_are_counted(shelf: Generation) -> None:
    read = ingested(shelf).model_copy(update={"counts": {"left_out": 1234}})
    page = knowledge_base.collection_page(run_of(shelf), released(shelf), read, embedded(shelf), None, None)
    text = text_of(page)
    assert facts_of(text)["documents beyond max_tokens"] == "1,234"


def test_what_was_mended_in_pdf_files_is_shown_where_there_was_something(shelf: Generation) -> None:
    read = ingested(shelf).model_copy(update={"counts": {"repeated": 12, "hidden": 3, "hyphens": 0}})
    page = knowledge_base.collection_page(run_of(shelf), released(shelf), read, embedded(shelf), None, None)
    facts = facts_of(text_of(page))
    assert facts["headers and footers removed"] == "12"
    assert facts["hidden characters removed"] == "3"
    assert "hyphenated words joined" not in facts


def test_a_long_list_of_rejected_items_is_cut_and_the_cut_is_said(shelf: Generation) -> None:
    many = [Rejected(f"file-{n}", "empty", "has no visible character") for n in range(60)]
    page = knowledge_base.collection_page(
        run_of(shelf), released(shelf), ingested(shelf, many), embedded(shelf), None, None
    )
    text = text_of(page)
    assert "<td>file-49</td>" in text
    assert "<td>file-50</td>" not in text
    assert "the first 50 of 60" in text


CHANGES = "1,000 added, 2 changed, 3 removed, 5 unchanged since generation 4"


def test_what_changed_what_was_verified_and_what_the_gate_found_is_shown(shelf: Generation) -> None:
    text = text_of(
        knowledge_base.collection_page(run_of(shelf), released(shelf), ingested(shelf), embedded(shelf), None, None)
    )
    assert f"<td>documents</td><td>{CHANGES}</td>" in text
    assert "<td>2 of 2 passages by their vector, 1 of 2 by their words</td>" in text
    assert "<td>retrieval</td><td>not compared: no questions</td>" in text


def test_a_generation_that_was_refused_says_so_first_with_the_comparison(shelf: Generation) -> None:
    worse = Comparison(
        against=4, metric="ndcg@10", questions=12, live=0.8, new=0.55, low=-0.375, high=-0.125, refused=True
    )
    unpublished = released(shelf.model_copy(update={"number": 0}), worse)
    page = knowledge_base.collection_page(
        run_of(shelf), unpublished, ingested(shelf), embedded(shelf), None, evaluation()
    )
    text = text_of(page)
    said = "ndcg@10 of 12 questions is 0.550, of generation 4 0.800: -0.250 (-0.375 to -0.125)"
    assert "<title>shelf, not published</title>" in text
    assert said in text
    assert "refused: generation 4 stays live" in text
    assert text.index("<h2>Release</h2>") < text.index("<h2>Quality</h2>")
    found = knowledge_base.collection_summary(unpublished, ingested(shelf), None, None)
    assert (found["generation"], found["changes"], found["gate"]) == (0, CHANGES, said)


def test_what_was_recognised_is_said_for_it_may_have_errors(shelf: Generation) -> None:
    read = ingested(shelf)
    assert "recognised" not in knowledge_base.collection_summary(released(shelf), read, None, None)
    scanned = read.model_copy(update={"counts": {"recognised": 1_200, "turned": 2, "unsure": 7}})
    found = knowledge_base.collection_summary(released(shelf), scanned, None, None)
    assert found["recognised"] == "the text of 1,200 pages (OCR), 2 of them turned; 7 unsure lines left out"


def test_a_map_shows_every_document_with_its_topic_and_place(shelf: Generation) -> None:
    points, clusters = knowledge_base.map_of(topics(shelf))
    assert [(p["id"], p["topic"], p["place"]) for p in points] == [
        ("cats", 0, "cats.txt:3"), ("dogs", 0, "dogs.txt:3"), ("ships", -1, "ships.txt:3")
    ]  # fmt: skip
    assert (points[2]["x"], points[2]["y"]) == (4.0, 5.0)
    assert [c["words"] for c in clusters] == ["", "cats, dogs"]


def test_topics_are_counted_without_noise_and_noise_as_a_share(shelf: Generation) -> None:
    page = knowledge_base.collection_page(
        run_of(shelf), released(shelf), ingested(shelf), embedded(shelf), topics(shelf), None
    )
    facts = facts_of(text_of(page))
    assert (facts["topics"], facts["outside all topics"]) == ("1", "33%")
    assert "<td>cats, dogs</td><td>2</td><td>cats, dogs</td>" in text_of(page)


def test_quality_stands_first_and_examples_say_which_are_right(shelf: Generation) -> None:
    page = knowledge_base.collection_page(
        run_of(shelf), released(shelf), ingested(shelf), embedded(shelf), topics(shelf), evaluation()
    )
    text = text_of(page)
    assert text.index("<h2>Quality</h2>") < text.index("<h2>Topics</h2>")
    assert "<td>ndcg@10</td><td>dense</td><td>0.512</td><td>0.400 to 0.600</td><td>2</td>" in text
    assert "2 of 3 questions have an answer in this collection; 95 % intervals" in text
    assert re.findall(r'class="mark (\w+)"', text) == ["right", "wrong", "wrong"]
    assert (
        "Right: 1 of 2 questions with an answer in this collection, which cite an expected document, and 0 of 1 "
        in text
    )


def test_ways_to_search_are_drawn_as_bars_and_differences_are_not(shelf: Generation) -> None:
    page = knowledge_base.collection_page(
        run_of(shelf), released(shelf), ingested(shelf), embedded(shelf), topics(shelf), evaluation()
    )
    text = text_of(page)
    assert re.findall(r"<figcaption>(.*?)</figcaption>", text) == ["ndcg@10"]
    (drawn,) = re.findall('<script id="figures" type="application/json">(.*?)</script>', text)
    (figure,) = json.loads(drawn).values()
    assert figure["layout"]["yaxis"]["ticktext"] == ["dense"]
    assert "<td>dense</td><td>0.512</td><td>0.400</td><td>0.600</td>" in text


def test_how_a_page_was_made_names_encoder_device_tokens_padding_cache_and_speed(
    shelf: Generation, tiny_bert: Path
) -> None:
    ran = encoders.fingerprint(str(tiny_bert), "fp32", "cpu")
    run = run_of(shelf)
    run.encoded["passages"] = Encoded(
        texts=5, encoded=2, tokens=30, padded=40, truncated=0, seconds=0.5, roofline_share=0.4
    )
    facts = knowledge_base._how(run, shelf.model_copy(update={"fingerprint": ran}))["facts"]
    assert facts == {
        "encoder": f"{tiny_bert}, 32 wide",
        "device and precision": "torch-cpu, fp32: as configured",
        "encoded in this run": "30 tokens of 2 texts",
        "found in the cache": "3 texts, or equal to another",
        "padding": "25% of the tokens encoded",
        "speed": "60 tokens a second, 40% of the measured peak of this machine",
    }


def test_a_run_that_encoded_nothing_names_no_padding_and_no_speed(shelf: Generation) -> None:
    facts = knowledge_base._how(run_of(shelf), shelf)["facts"]
    assert facts["encoded in this run"] == "0 tokens"
    assert not {"padding", "speed"} & set(facts)


@pytest.mark.parametrize("done", [True, False], ids=["everything", "nothing more"])
def test_the_summary_says_what_was_made_and_what_was_not(done: bool, shelf: Generation) -> None:
    found = knowledge_base.collection_summary(
        released(shelf), ingested(shelf), topics(shelf) if done else None, evaluation() if done else None
    )
    assert [found[name] for name in ("collection", "generation", "documents", "passages")] == ["shelf", 1, 3, 3]
    assert found["topics"] == (1 if done else "not done: turned off, or too few documents")
    measured = {
        "ndcg@10 dense": {"value": 0.51236, "low": 0.4, "high": 0.6, "n": 2},
        "ndcg@10 difference dense - bm25": {"value": -0.1, "low": -0.2, "high": 0.1, "n": 2},
        "abstained unanswerable": {"value": 0.0, "low": 0.0, "high": 0.5, "n": 1},
    }
    assert found["evaluation"] == (measured if done else "not done: no questions")


@pytest.mark.parametrize(("second", "said"), [(0.97, False), (0.981, True)])
def test_a_measure_that_every_way_nearly_reaches_is_said_to_be_saturated(
    shelf: Generation, second: float, said: bool
) -> None:
    rows = [
        Measure("nDCG@10", "weighted", 1.0, 1.0, 1.0, 40),
        Measure("nDCG@10", "bm25", second, 0.95, 1.0, 40),
        Measure("MRR", "bm25", 0.4, 0.3, 0.5, 40),
    ]
    found = evaluation().model_copy(update={"rankings": objects.save_rows(MeasuresRef, Measure, rows)})
    (line,) = knowledge_base.saturated(found) or [""]
    assert line.startswith("nDCG@10 is saturated: every way to search reaches 0.981") is said
    page = knowledge_base.collection_page(
        run_of(shelf), released(shelf), ingested(shelf), embedded(shelf), None, found
    )
    assert ("is saturated" in text_of(page)) is said


@pytest.mark.parametrize(("high", "said"), [(-0.01, True), (0.02, False)])
def test_another_way_that_ranks_better_beyond_chance_is_recommended(
    shelf: Generation, high: float, said: bool
) -> None:
    rows = [
        Measure("ndcg@10", "dense", 0.61, 0.5, 0.7, 40),
        Measure("ndcg@10 difference", "weighted - dense", -0.05, -0.09, high, 40),
        Measure("ndcg@10 difference", "dense - bm25", -0.2, -0.3, -0.1, 40),
        Measure("ndcg@10 difference", "fused - dense", -0.2, -0.3, -0.1, 40),
    ]
    found = evaluation().model_copy(update={"rankings": objects.save_rows(MeasuresRef, Measure, rows)})
    line = "dense ranks better here than weighted: ndcg@10 difference 0.050 (0.010 to 0.090, n=40); "
    assert knowledge_base.outranked(found) == ([f"{line}search with retrieve.kind=dense"] if said else [])
    result = knowledge_base.collection_summary(released(shelf), ingested(shelf), None, found)
    assert result["outranked"] == knowledge_base.outranked(found)


def test_a_document_without_a_line_is_placed_by_its_path_alone(shelf: Generation) -> None:
    (document, *_) = objects.load_rows(shelf.documents, knowledge_base.Document)
    unnumbered = knowledge_base.Document(document.id, document.text, document.title, document.source, document.path)
    assert knowledge_base.place_of(unnumbered) == "cats.txt"
