"""One MLflow trace a flow run that searches or answers: a span for each retrieve, rerank and generate.

Written after the fact by the flow's process, from the steps that have ended: with the times they had, linked to the
MLflow run, in two calls. MLflow's own client would write each span by itself, to an address that belongs to the whole
process. What was asked is untrusted and stored as data, cut short; what was found is stored as ids and scores.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.data.answers import AnswersRef
from tasks.data.base import Ref
from tasks.data.documents import PassagesRef
from tasks.data.search import Hit, HitsRef
from tasks.runtime import steps
from tasks.store import objects

KINDS = {"retrieve": "RETRIEVER", "rerank": "RERANKER", "generate": "LLM", "evaluate": "EVALUATOR"}
ASKED = ("question", "queries")
LENGTH = 1_000  # characters of a text
SHOWN = 10  # hits, answers and questions
NS = 1_000_000_000


def wanted(finished: Sequence[steps.Finished]) -> list[steps.Finished]:
    """Return the steps that make a span; a run that neither searches nor answers has none."""
    found = [step for step in finished if step.name.partition("-")[0] in KINDS]
    return found if any(not step.name.startswith("evaluate") for step in found) else []


def write(
    uri: str,
    where: Mapping[str, str],
    parameters: Mapping[str, Any],
    published: Mapping[str, Ref],
    finished: Sequence[steps.Finished],
) -> str:
    """Write the trace of a run; return its id, empty where the run has nothing to trace.

    Args:
        uri: Address of the MLflow store.
        where: `name` of the flow, `experiment` and `run` ids, `status` of the run.
        parameters: Of the flow; the question or queries are kept.
        published: What the run made, by name.
        finished: Its steps.
    """
    traced = wanted(finished)
    if not traced:
        return ""
    from mlflow.entities import TraceInfo, TraceLocation, TraceState
    from mlflow.tracing.client import TracingClient

    identity = secrets.token_hex(16)
    trace_id, root = f"tr-{identity}", secrets.token_hex(8)
    asked = {name: _short(value) for name, value in parameters.items() if name in ASKED}
    start, end = min(step.started for step in traced), max(step.started + step.seconds for step in traced)
    passages = next((ref for ref in published.values() if isinstance(ref, PassagesRef)), None)
    parts = [(step, _found(step, passages)) for step in traced]
    outputs = parts[-1][1]
    spans = [_span((trace_id, root, ""), where["name"], "CHAIN", (start, end), asked, outputs)]
    for step, found in parts:
        kind, times = KINDS[step.name.partition("-")[0]], (step.started, step.started + step.seconds)
        place = trace_id, secrets.token_hex(8), root
        spans.append(_span(place, step.name, kind, times, {"cached": step.cached}, found))
    info = TraceInfo(
        trace_id=trace_id,
        trace_location=TraceLocation.from_experiment_id(where["experiment"]),
        request_time=int(start * 1000),
        execution_duration=int((end - start) * 1000),
        state=TraceState.OK if where["status"] == "FINISHED" else TraceState.ERROR,
        request_preview=json.dumps(asked, ensure_ascii=False)[:LENGTH],
        response_preview=json.dumps(outputs, ensure_ascii=False)[:LENGTH],
        trace_metadata={"mlflow.sourceRun": where["run"], "mlflow.trace_schema.version": "3"},
        tags={"mlflow.traceName": where["name"]},
    )
    client = TracingClient(uri)
    client.start_trace(info)
    client.log_spans(where["experiment"], spans)
    return trace_id


def _span(
    place: tuple[str, str, str],
    name: str,
    kind: str,
    times: tuple[float, float],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> Any:
    """Make a span of (trace, own id, parent's id or nothing)."""
    from mlflow.entities import Span

    trace_id, span_id, parent = place
    stated = {"traceRequestId": trace_id, "spanType": kind, "spanInputs": inputs, "spanOutputs": outputs}
    return Span.from_dict(
        {
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": parent,
            "name": name,
            "start_time_unix_nano": int(times[0] * NS),
            "end_time_unix_nano": int(times[1] * NS),
            "status": {"code": "OK", "message": ""},
            "attributes": {f"mlflow.{key}": json.dumps(value, ensure_ascii=False) for key, value in stated.items()},
        }
    )


def _found(step: steps.Finished, passages: PassagesRef | None) -> dict[str, Any]:
    """Return ids and scores of what a step found: its first hits, or its first answers; else its numbers."""
    if step.record is None:
        return {}
    value = step.record.value
    if isinstance(value, HitsRef):
        hits = objects.rows_of(Hit, objects.load_table(value).slice(0, SHOWN))
        named = [{"passage": _id(passages, hit.passage), "rank": hit.rank, "score": hit.score} for hit in hits]
        return {**step.record.metrics, "hits": named}
    if isinstance(value, AnswersRef):
        return {**step.record.metrics, "answers": [_answer(a) for a in objects.load_json(value)[:SHOWN]]}
    return dict(step.record.metrics)


def _id(passages: PassagesRef | None, row: int) -> str | int:
    """Return the id of a passage, read from the group of rows it lies in; its row where the passages are not known."""
    if passages is None:
        return row
    return str(objects.load_slice(passages, row, row + 1, ["id"])["id"][0].as_py())


def _answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    cited = [{"document": c["document"], "score": c["score"]} for c in answer["citations"]]
    return {"score": answer["score"], "abstained": _short(answer["abstained"]), "citations": cited}


def _short(value: Any) -> Any:
    """Cut texts to a length, and lists of them to a number."""
    if isinstance(value, list | tuple):
        return [_short(item) for item in value[:SHOWN]]
    return str(value)[:LENGTH]
