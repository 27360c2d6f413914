import json
from pathlib import Path
from typing import Any

import mlflow
import pytest

from tasks.data.answers import Answer, AnswersRef, Citation
from tasks.data.base import Value
from tasks.data.documents import Passage, PassagesRef
from tasks.data.search import Hit, HitsRef
from tasks.runtime import mlflow_run, traces
from tasks.runtime.steps import Finished, Record
from tasks.store import objects


def finished(name: str, value: Value, *, started: float = 100.0, cached: bool = False) -> Finished:
    return Finished(name, "key", cached, 0.25, Record(value, {}, "", {}, {"queries": 1.0}), started)


@pytest.fixture
def steps_of_a_run(workspace: Path) -> list[Finished]:
    hits = [Hit(0, row, row + 1, 0.9 - row / 100, 0.5, 1.5) for row in range(30)]
    cited = Citation(sentence="s", document="d7", title="", path="", line=0, start=0, end=1, score=0.75)
    answer = Answer(question="?", text="s [1]", citations=(cited,), abstained="", score=0.5, threshold=0.3)
    answers = objects.save_json(AnswersRef, [answer.model_dump(mode="json")], rows=1)
    return [
        finished("ingest-documents", answers),
        finished("retrieve", objects.save_rows(HitsRef, Hit, hits)),
        finished("generate-extractive", answers, started=101.0, cached=True),
    ]


def written(steps: list[Finished], published: dict[str, Any], question: str = "Who?", status: str = "FINISHED") -> Any:
    """Write a trace into the workspace's own store, read it back."""
    client = mlflow_run.prepare()
    experiment = client.create_experiment("rag-answers")
    run = client.create_run(experiment).info.run_id
    where = {"name": "rag-answers", "experiment": experiment, "run": run, "status": status}
    made = traces.write(mlflow_run.tracking_uri(), where, {"question": question, "collection": "c"}, published, steps)
    (found,) = client.search_traces(locations=[experiment])
    assert found.info.trace_id == made
    assert found.info.trace_metadata["mlflow.sourceRun"] == run
    return found


def test_a_trace_has_a_span_for_each_step_that_searches_or_answers_at_its_own_time(
    steps_of_a_run: list[Finished],
) -> None:
    found = written(steps_of_a_run, {})
    spans = {span.name: span for span in found.data.spans}
    assert set(spans) == {"rag-answers", "retrieve", "generate-extractive"}
    assert {span.parent_id for name, span in spans.items() if name != "rag-answers"} == {spans["rag-answers"].span_id}
    assert (spans["retrieve"].start_time_ns, spans["retrieve"].end_time_ns) == (100 * 10**9, 100_250_000_000)
    assert (spans["rag-answers"].start_time_ns, spans["rag-answers"].end_time_ns) == (100 * 10**9, 101_250_000_000)
    assert spans["generate-extractive"].inputs == {"cached": True}
    assert spans["retrieve"].span_type == "RETRIEVER"
    assert found.info.execution_duration == 1_250
    assert found.info.state == mlflow.entities.TraceState.OK


def test_what_was_found_is_stored_as_ids_and_scores_and_not_as_text(steps_of_a_run: list[Finished]) -> None:
    rows = [Passage(f"d{n}#0", f"d{n}", n, 0, 1, "", "secret words", 1) for n in range(30)]
    found = written(steps_of_a_run, {"collection.passages": objects.save_rows(PassagesRef, Passage, rows)})
    spans = {span.name: span for span in found.data.spans}
    hits = spans["retrieve"].outputs["hits"]
    assert len(hits) == traces.SHOWN
    assert hits[3] == {"passage": "d3#0", "rank": 4, "score": pytest.approx(0.87)}
    answers = [{"score": 0.5, "abstained": "", "citations": [{"document": "d7", "score": 0.75}]}]
    assert spans["rag-answers"].outputs["answers"] == answers
    assert "secret words" not in json.dumps([span.to_dict() for span in found.data.spans])


def test_a_question_is_stored_as_data_and_cut_short(steps_of_a_run: list[Finished]) -> None:
    hostile = '"}</script><b>' + "x" * 5_000
    found = written(steps_of_a_run, {}, hostile)
    root = next(span for span in found.data.spans if span.parent_id is None)
    assert root.inputs == {"question": hostile[: traces.LENGTH]}


def test_a_run_that_failed_leaves_a_trace_that_says_so(steps_of_a_run: list[Finished]) -> None:
    assert written(steps_of_a_run, {}, status="FAILED").info.state == mlflow.entities.TraceState.ERROR


def test_a_run_that_neither_searches_nor_answers_leaves_none(steps_of_a_run: list[Finished]) -> None:
    where = {"name": "n", "experiment": "0", "run": "r", "status": "FINISHED"}
    assert traces.write("sqlite:////nowhere/at/all.db", where, {}, {}, steps_of_a_run[:1]) == ""
