"""Run a flow for the launcher: check the call, find a server, run, print the summary and one JSON line."""

import atexit
import gc
import importlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Any

from pydantic import BaseModel

from configs.signatures import FlowCard
from tasks.data.printed import printable
from tasks.data.run import Outcome
from tasks.errors import FlowError
from tasks.launch import access, prefect_server
from tasks.runtime import accelerator
from tasks.store import workspace

COMPLETED, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130
GARBAGE = 20_000  # new containers between two collections; with Python's 700 a stored prompt-chain took a tenth more
ENDED = {  # how a reply of a model ended, where that is not by itself
    "length": "the answer was cut at answer.sampling.max_tokens",
    "repetition": "the answer says the same over and over, and was ended there",
}
SHOWN = 400  # characters of one line of the summary
SHOWN_COPIES = 3  # other places of a hit
EMPTY: tuple[Any, ...] = ("", [], {}, None)


def run(card: FlowCard, call: BaseModel) -> int:
    """Run a flow in this process; return the exit status."""
    started = time.monotonic()
    try:
        accelerator.require()
        chosen = prefect_server.choose()
        access.adopt_mlflow()
        atexit.register(chosen.stop)  # before Prefect is imported, so that Prefect has said its last word by then
        module = importlib.import_module(f"flows.{card.module}")
        arguments = _arguments(call)
        module.preflight(**arguments)
        prefect_server.require_small(call.model_dump_json(), chosen.kind)
        _import_mlflow()  # the run needs it at once, and a temporary server is still starting
        access.require_mlflow()
        _collect_garbage()
        ready = time.monotonic()
        chosen.wait()
        access.require_prefect(chosen.url)
    except FlowError as error:
        return _say(str(error), WRONG_CALL)
    signal.signal(signal.SIGINT, _interrupt)
    seconds = {"before": ready - started, "server": chosen.seconds}
    began = time.monotonic()
    state = _called(getattr(module, card.function), arguments, chosen)
    if isinstance(state, int):
        return state
    ended = time.monotonic()
    return _finish(card, state, {**seconds, "flow": ended - began, "total": ended - started})


def _called(flow: Callable[..., Any], arguments: dict[str, Any], chosen: prefect_server.PrefectServer) -> Any:
    """Return the state in which a flow ended; the exit status where the run itself could not go on."""
    import httpx

    again = "what is finished is stored, run the same command again to continue"
    try:
        with _heartbeats(chosen):
            return flow(**arguments, return_state=True)
    except KeyboardInterrupt:
        return _say(f"interrupted; {again}", INTERRUPTED)
    except httpx.HTTPError as error:  # of Prefect's client: an error of the flow is in its state
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return _say(f"the Prefect server at {chosen.url} no longer answers as it should ({reason}); {again}", FAILED)


@contextmanager
def _heartbeats(chosen: prefect_server.PrefectServer) -> Iterator[None]:
    """Send none to a temporary server: nobody looks for lost runs there, and a run waits up to a second for them."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None} if chosen.kind == "temporary" else {}):
        yield


def _import_mlflow() -> None:
    from tasks.runtime import mlflow_run

    mlflow_run.load()


def _collect_garbage() -> None:
    """Collect from here on, more seldom than by default, and never in what has been imported."""
    gc.freeze()
    gc.set_threshold(GARBAGE)
    gc.enable()


def plan(card: FlowCard, call: BaseModel) -> int:
    """Print what a run would look up and what it would do, up to the first step whose result is not there."""
    module = importlib.import_module(f"flows.{card.module}")
    from tasks.runtime import steps

    ends = False
    try:
        accelerator.require()
        module.preflight(**_arguments(call))
        _collect_garbage()
        with steps.plan() as lines:
            try:
                getattr(module, card.function).fn(**_arguments(call))
            except steps.PlanEnds:
                ends = True
    except FlowError as error:
        return _say(str(error), WRONG_CALL)
    for line in lines:
        print(f"{line.outcome:22} {line.name:28} {line.why}")
    print("will run               every later step" if ends else "nothing would run: every result is stored")
    print(json.dumps({"flow": card.name, "plan": [asdict(line) for line in lines], "everything_after": ends}))
    return COMPLETED


def _interrupt(signum: int, frame: FrameType | None) -> None:
    from tasks.runtime import steps

    steps.interrupt()
    raise KeyboardInterrupt


def _arguments(call: BaseModel) -> dict[str, Any]:
    return {name: getattr(call, name) for name in type(call).model_fields}


def _finish(card: FlowCard, state: Any, seconds: dict[str, float]) -> int:
    """Print the summary and the JSON line; a failure's reason is one line."""
    outcome = state.result(raise_on_failure=False)
    common = {
        "flow": card.name,
        "state": state.name,
        "flow_run_id": str(state.state_details.flow_run_id),
        "workspace": str(workspace.home()),
        "seconds": round(seconds["total"], 2),
    }
    if not isinstance(outcome, Outcome):
        _say(_reason(outcome), FAILED)
        from tasks.runtime import tracking

        run = next(iter(tracking.begun), None)
        done = {
            "mlflow_run_id": run.mlflow_run_id if run else "",
            "tasks": run.counts() if run else {"run": 0, "cached": 0},
            "metrics": run.all_metrics() if run else {},
        }
        _print_json({**common, **done, "refs": {}, "report": "", "result": {"error": _reason(outcome)}})
        return FAILED
    for line in _summary(outcome):
        print(printable(line))
    print(
        f"{outcome.tasks['run']} steps ran, {outcome.tasks['cached']} were stored; {seconds['total']:.1f} s, of which "
        f"{seconds['before']:.1f} s imports and checks, {seconds['server']:.1f} s waiting for the Prefect server"
    )
    timings = {f"seconds.{name}": round(value, 2) for name, value in seconds.items()}
    stated = outcome.model_dump(mode="json")
    _print_json({**common, **stated, "metrics": {**stated["metrics"], **timings}})
    return COMPLETED


def _summary(outcome: Outcome) -> Iterator[str]:
    """Say in a few lines what was asked for."""
    if "queries" in outcome.result:
        yield from _hits(outcome.result["queries"], outcome.result.get("cutoff"))
        if "pictures" in outcome.result:  # a run that reads what it searches says what it read
            yield from _facts({name: value for name, value in outcome.result.items() if name != "queries"})
    elif "abstained" in outcome.result:
        yield from _answer(outcome.result)
    elif "trails" in outcome.result:
        yield from _trails(outcome.result["trails"])
    else:
        yield from _facts(outcome.result)
    if retries := outcome.result.get("retries"):
        yield f"asked again over the network: {retries['said']}"
    if budget := outcome.result.get("budget"):
        yield f"budget: {budget['said']}"
    if outcome.report:
        yield f"report: {outcome.report}"


def _hits(queries: list[dict[str, Any]], cutoff: dict[str, Any] | None) -> Iterator[str]:
    for asked in queries:
        yield from ("", asked["query"])
        yield from _missing(asked, "  ")
        if not asked["hits"]:
            yield "  no hits"
        for hit in asked["hits"]:
            likely = hit.get("probability")
            score = f"score {hit['score']:.4f}" if likely is None else f"probability {likely:.2f}"
            yield f"{hit['rank']:3}. {hit['document']}  {_place(hit)}  ({score})"
            yield f"     {' '.join(hit['text'].split())[:160]}"
            yield from _also(hit, "     ")
        if asked.get("published"):
            yield from (
                "  published:",
                *(f"{rank:3}. {text[:160]}" for rank, text in enumerate(asked["published"], start=1)),
            )
        if asked.get("why"):
            yield f"  why: {asked['why']['said']}"
    if cutoff is not None:
        yield f"no hits below {cutoff['threshold']:.3g} ({_how(cutoff)})"


def _missing(asked: dict[str, Any], indent: str) -> Iterator[str]:
    """Say which words of a question no passage holds."""
    if asked.get("missing"):
        yield f"{indent}in no passage: {', '.join(asked['missing'])}"


def _also(found: dict[str, Any], indent: str) -> Iterator[str]:
    """Say where else the text of a hit or a citation stands."""
    if found.get("copies"):
        named = [_place(other) for other in found["also_in"][:SHOWN_COPIES]]
        more = found["copies"] - len(named)
        yield f"{indent}also in {', '.join(named)}" + (f" and {more:,} more" if more else "")


def _answer(answer: dict[str, Any]) -> Iterator[str]:
    if answer.get("quoted"):
        yield f"quoted in place of the reply of the model: {answer['quoted']}"
    yield answer["abstained"] or answer.get("marked") or answer["text"]
    what = "retrieval " if "citing" in answer and not answer.get("quoted") else ""
    for number, cited in enumerate(answer["citations"], start=1):
        yield f"  [{number}] {cited['document']}  {_place(cited)}  ({what}{cited['score']:.3f})"
        if cited.get("flagged"):
            yield f"      flagged: {', '.join(cited['flagged'])}; quoted, and not followed"
        yield from _also(cited, "      ")
    yield from filter(None, (answer.get("support"), _published(answer)))
    yield from (f"unsupported: {doubt}" for doubt in answer.get("doubts", ()))
    if answer.get("reasoning"):
        yield f"the model reasoned before it replied ({len(answer['reasoning']):,} characters, on the page)"
    if answer.get("estimated"):
        yield "the server states no tokens; those counted are estimated from above"
    yield from answer.get("notes", ())
    if (finish := answer.get("finish")) in ENDED:
        yield ENDED[finish]
    if answer["flagged"]:
        yield f"{answer['flagged']} of the passages read contain instructions for a model; check the answer by them"
    value, what = (answer["score"], "closest passage") if answer["probability"] is None else (
        answer["probability"], "probability of an answer"
    )  # fmt: skip
    score = "none" if value is None else f"{value:.3f}"
    yield from answer.get("warnings", ())
    yield from _missing(answer, "")
    yield f"{what} {score}; below {answer['threshold']:.3g} no answer is given ({_how(answer)})"


def _published(answer: dict[str, Any]) -> str:
    return f"published: {answer['published']}" if "published" in answer else ""


def _how(threshold: dict[str, Any]) -> str:
    """Say where a threshold comes from."""
    if threshold["calibrated"]:
        return "calibrated on this collection"
    return f"default of the encoder: {threshold['uncalibrated']}" if threshold["uncalibrated"] else "as configured"


def _trails(trails: list[dict[str, Any]]) -> Iterator[str]:
    for trail in trails:
        yield from ("", trail["question"], f"  {trail['sentence'][:160]}")
        yield f"  passage {trail['passage']} of {trail['document']}, version {trail['version'][:12]}"
        state = "live" if trail["live"] else "replaced by a newer version"
        generations = ", ".join(trail["generations"]) or "no stored generation"
        yield f"  {state}; {generations}; from {trail['item'] or 'no file'}"
    yield f"{len(trails)} citations"


def _place(found: dict[str, Any]) -> str:
    return f"{found['path']}:{found['line']}" if found["line"] else str(found["path"])


def _facts(result: dict[str, Any]) -> Iterator[str]:
    """Say each value in a line, measures with their intervals; what is empty is left out."""
    for name, value in result.items():
        if name in ("budget", "retries") or (name == "rejected" and "losses" in result):  # said elsewhere
            continue
        if not isinstance(value, dict) or "said" in value:
            yield from _fact(name, value)
            continue
        known = {key: v for key, v in value.items() if v not in EMPTY}
        if known:
            yield f"{name}:"
        for key, v in known.items():
            if isinstance(v, dict) and {"value", "low", "high", "n"} <= v.keys():
                yield f"  {key:32} {v['value']:.3f}  ({v['low']:.3f} to {v['high']:.3f}, n={v['n']})"
            elif isinstance(v, dict) and v.keys() == {"value", "n"}:
                yield f"  {key:32} {v['value']:.3f}  n={v['n']}"
            else:
                yield f"  {key:32} {_told(v)[:SHOWN]}"


def _fact(name: str, value: Any) -> Iterator[str]:
    said = value["said"] if isinstance(value, dict) else value
    if said not in EMPTY:
        yield f"{name}: {_told(said)}"


def _told(value: Any) -> str:
    """Return a value of a result on one line, without brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(part)}" for name, part in value.items())
    return "; ".join(map(_told, value)) if isinstance(value, list) else str(value)


def _reason(failure: object) -> str:
    text = " ".join(str(failure).split())
    return text if isinstance(failure, FlowError) else f"{type(failure).__name__}: {text}"


def _print_json(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    print("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text), flush=True)


def _say(text: str, status: int) -> int:
    print(printable(text.replace("\n", " ")), file=sys.stderr)
    return status
