"""The runs of a collection: what each came to, kept beside its generations, and one page of all of them."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.data.base import refs_in
from tasks.data.collection_runs import CollectionRun, RunState
from tasks.data.evaluation import Evaluation
from tasks.data.printed import in_bytes
from tasks.data.releases import Release
from tasks.data.search import Generation
from tasks.errors import FlowError, StoreError, SupersededError
from tasks.report import page as pages
from tasks.report.charts import plain
from tasks.report.measures import DIFFERENCE, measures_of
from tasks.report.page import Figure, Page
from tasks.runtime import steps, tracking
from tasks.store import collection_runs, collections, objects, workspace

SHOWN_STEPS = 6  # in the chart of seconds; the others are summed up
REASON = 300  # characters of a failure
log = logging.getLogger(__name__)
QUALITY = (0.0, 1.05)  # what its axes reach over
SIZES: dict[str, Callable[[CollectionRun], float]] = {
    "documents": lambda run: run.documents, "passages": lambda run: run.passages, "MB": lambda run: run.bytes / 1e6,
}  # fmt: skip
COSTS: dict[str, Callable[[CollectionRun], float]] = {
    "tokens": lambda run: run.tokens, "money": lambda run: run.money
}  # fmt: skip


@dataclass
class RunSeries:
    """Points of one chart: numbers of runs, values, and what their intervals reach below and above."""

    name: str
    across: list[int]
    values: list[float]
    below: list[float] = field(default_factory=list)
    above: list[float] = field(default_factory=list)


@dataclass
class Keeper:
    """What is known so far of a run that builds a collection; `before` is what was live as it began, 0 for none."""

    name: str
    run: "tracking.Run"
    started: float
    before: int
    open_now: ExitStack = field(default_factory=ExitStack)
    known: dict[str, Any] = field(default_factory=dict)

    def take(self, released: Release, evaluation: Evaluation | None) -> None:
        """Take what the gate has decided, and what questions have measured."""
        found = released.comparison
        state = "refused" if found.refused else "unchanged" if self._was_live(released) else "published"
        self.take_generation(released.generation, state)
        self.known |= {"gate": found.words, "changes": released.delta.model_dump(exclude={"against"})}
        if evaluation is not None:
            self.known["measures"] = tuple(m for m in measures_of(evaluation) if not m.name.endswith(DIFFERENCE))

    def take_generation(self, made: Generation, state: str = "") -> None:
        """Take the sizes of a generation, and how it came to be live: as stated, else whether it was before."""
        state = state or ("unchanged" if made.number == self.before else "published")
        sizes = {"documents": made.documents.rows, "passages": made.passages.rows, "bytes": bytes_of(made)}
        self.known |= {"state": state, **sizes}

    def _was_live(self, released: Release) -> bool:
        return released.generation.number == released.delta.against != 0

    def end(self, status: str, failure: BaseException | None) -> None:
        """Write what the run came to, and the page; what the disk refuses is said and ends nothing else."""
        try:
            with self.open_now:
                collection_runs.put(self.name, self._ended(status, failure))
            write_history(self.name)
        except (StoreError, OSError) as error:
            log.warning("the run is not in the history of %s: %s", self.name, error)

    def _ended(self, status: str, failure: BaseException | None) -> CollectionRun:
        known, run = dict(self.known), self.run
        if failure is not None and known.get("state") != "refused":
            known["state"] = "failed" if status == "FAILED" else "stopped"
        if isinstance(failure, SupersededError):
            known["state"] = "superseded"
        if known.get("state") == "stopped":
            known["reason"] = "it was told to stop"
        elif failure is not None:
            text = " ".join(str(failure).split())
            known["reason"] = (text if isinstance(failure, FlowError) else f"{type(failure).__name__} {text}")[:REASON]
        known.setdefault("state", "unchanged")
        seconds: dict[str, float] = {}
        for one in run.finished:
            if not one.cached:
                seconds[one.name] = round(seconds.get(one.name, 0.0) + one.seconds, 3)
        counts = run.counts()
        return CollectionRun(
            run=_id(run, self.started), flow=run.flow, started=self.started,
            generation=collections.live_number(self.name),
            seconds=round(time.time() - self.started, 3), steps=seconds, ran=counts["run"], stored=counts["cached"],
            tokens=run.spent.tokens, money=run.spent.money, asked_again=dict(run.retries()), **known,
        )  # fmt: skip


def bytes_of(made: Generation) -> int:
    """Return the bytes of all files that a generation refers to."""
    folders = {objects.path(ref) for ref in refs_in(made)}
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def keep(run: "tracking.Run", name: str) -> Keeper:
    """Keep a record of a run that builds a collection, however it ends; the page of the collection follows.

    Args:
        run: The run; its pages link to that page from now on.
        name: Of the collection.
    """
    made = Keeper(name, run, time.time(), collections.live_number(name))
    if steps.planning() is not None:
        return made
    begun = CollectionRun(run=_id(run, made.started), flow=run.flow, started=made.started, generation=made.before)
    made.open_now.enter_context(collection_runs.begun(name, begun))
    run.on_end.append(made.end)
    run.history = name
    return made


def link(run: "tracking.Run", name: str) -> None:
    """Let the page of a run over a collection lead to that of all runs that built it, where there is one.

    Args:
        run: The run.
        name: Of the collection.
    """
    if collection_runs.page(name).is_file():
        run.history = name


def note_command(name: str, state: RunState, flow: str) -> None:
    """Keep what a command did to a collection, and refresh its page."""
    run = CollectionRun(
        run=str(time.time_ns()), flow=flow, started=time.time(), state=state, generation=collections.live_number(name)
    )
    collection_runs.put(name, run)
    write_history(name)


def write_history(name: str) -> Path:
    """Write the page about the runs of a collection; return its path."""
    path = collection_runs.page(name)
    path.write_text(pages.rendered(_page(name, collection_runs.read(name))), "utf-8")
    return path


def _id(run: "tracking.Run", started: float) -> str:
    return run.flow_run_id or f"local{int(started * 1_000)}"


def _page(name: str, runs: Sequence[CollectionRun]) -> Page:
    generations = collections.history(name) if name in collections.names() else []
    live = collections.live_number(name)
    facts = [
        ("live generation", str(live or "none")),
        *_sizes(next((made for made in generations if made.number == live), None)),
        ("runs kept", f"{len(runs):,}"),
        ("last run", runs[-1].state if runs else "none"),
    ]
    without = sorted({made.number for made in generations} - {run.generation for run in runs})
    missing = [] if not without else [
        f"of generation {', '.join(map(str, without))} no run is kept: it is older than they are, or was imported; "
        "nothing is known of its quality, time and cost"
    ]  # fmt: skip
    if not any(run.measures for run in runs):
        missing.append("quality: no run had questions with an answer in the collection; set evaluate.questions=FILE")
    if not any(run.tokens or run.money for run in runs):
        missing.append("cost: no run spent tokens or money at a server that states them")
    return Page(
        title=f"{name}: runs", subtitle="quality, size, time, cost and what the gate decided, run by run",
        facts=facts, missing=missing, figures=_figures(runs), template="collection_history.html.j2",
        more={"runs": [_row(number, run) for number, run in list(enumerate(runs, start=1))[::-1]],
              "kept": collection_runs.KEPT},
    )  # fmt: skip


def _sizes(live: Generation | None) -> list[tuple[str, str]]:
    """Return the sizes of the live generation, whoever made it: a run, an import, a rollback."""
    if live is None:
        return [(what, "not known") for what in ("documents", "passages", "size")]
    try:
        size = in_bytes(bytes_of(live))
    except StoreError as error:
        log.warning("the size of generation %d of %s is not known: %s", live.number, live.collection, error)
        size = "not known"
    return [("documents", f"{live.documents.rows:,}"), ("passages", f"{live.passages.rows:,}"), ("size", size)]


def _row(number: int, run: CollectionRun) -> dict[str, Any]:
    page = workspace.folder("reports") / run.run / "index.html"
    changes = ", ".join(f"{n:,} {what}" for what, n in run.changes.items() if n and what != "unchanged")
    spent = [f"{run.tokens:,} tokens" if run.tokens else "", f"{run.money:,.4g} of money" if run.money else "",
             *(f"{who} asked again {n} times" for who, n in run.asked_again.items())]  # fmt: skip
    return {
        "number": number, "when": when(run), "state": run.state, "flow": run.flow,
        "generation": run.generation or "none", "why": run.why,
        "documents": f"{run.documents:,}" if run.documents else "", "changes": changes,
        "bytes": in_bytes(run.bytes) if run.bytes else "",
        "seconds": f"{run.seconds:,.1f}" if run.seconds else "", "spent": ", ".join(filter(None, spent)),
        "bad": run.state in ("refused", "superseded", "failed", "killed", "stopped"),
        "page": f"../{page.parent.name}/index.html" if page.is_file() else "",
    }  # fmt: skip


def when(run: CollectionRun) -> str:
    """Return when a run began, in the time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))


def _figures(runs: Sequence[CollectionRun]) -> list[Figure]:
    found = [_chart("quality", name, lines, runs, QUALITY) for name, lines in _quality(runs).items()]
    sized = [n for n, run in enumerate(runs, start=1) if run.documents]
    for unit, of in SIZES.items() if sized else ():
        found.append(_chart("size", unit, [RunSeries(unit, sized, [of(runs[n - 1]) for n in sized])], runs))
    timed = [n for n, run in enumerate(runs, start=1) if run.seconds]
    found += [_chart("time", "seconds", _times(timed, runs), runs)] if timed else []
    for unit, of in COSTS.items():
        if any(spent := [of(run) for run in runs]):
            found.append(_chart("cost", unit, [RunSeries(unit, list(range(1, len(runs) + 1)), spent)], runs))
    return found


def _quality(runs: Sequence[CollectionRun]) -> dict[str, list[RunSeries]]:
    """Return of each measure a line for each way that was measured by it."""
    lines: dict[str, dict[str, RunSeries]] = {}
    for number, run in enumerate(runs, start=1):
        for m in run.measures:
            line = lines.setdefault(m.name, {}).setdefault(m.what, RunSeries(m.what, [], []))
            line.across.append(number)
            line.values.append(m.value)
            line.below.append(m.value - m.low)
            line.above.append(m.high - m.value)
    return {name: list(by_way.values()) for name, by_way in lines.items()}


def _times(timed: Sequence[int], runs: Sequence[CollectionRun]) -> list[RunSeries]:
    """Return the seconds of runs, and of the steps that took most in all of them together."""
    totals: Counter[str] = Counter()
    for n in timed:
        totals.update(runs[n - 1].steps)
    lines = [RunSeries("whole run", list(timed), [runs[n - 1].seconds for n in timed])]
    return lines + [
        RunSeries(name, list(timed), [runs[n - 1].steps.get(name, 0.0) for n in timed])
        for name, _ in totals.most_common(SHOWN_STEPS)
    ]


def _chart(
    section: str,
    name: str,
    lines: Sequence[RunSeries],
    runs: Sequence[CollectionRun],
    reach: tuple[float, float] | None = None,
) -> Figure:
    data: list[Mapping[str, Any]] = []
    rows = []
    for line in lines:
        points = list(zip(line.across, line.values, strict=True))
        said = [f"{plain(line.name)}: {v:.4g}, run {n} of {when(runs[n - 1])}" for n, v in points]
        bars = {"error_y": {"type": "data", "symmetric": False, "array": line.above, "arrayminus": line.below,
                            "thickness": 1}}  # fmt: skip
        data.append({"type": "scatter", "mode": "lines+markers", "name": plain(line.name), "x": line.across,
                     "y": line.values, "hovertext": said, "hoverinfo": "text",
                     **(bars if line.below else {})})  # fmt: skip
        ends = zip(line.below, line.above, strict=True) if line.below else [(0.0, 0.0)] * len(points)
        rows += [(n, line.name, f"{v:.4g}", f"{v - a:.3f} to {v + b:.3f}" if a + b > 0 else "")
                 for (n, v), (a, b) in zip(points, ends, strict=True)]  # fmt: skip
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "run"}, "dtick": max(1, len(runs) // 10), "range": [0.5, len(runs) + 0.5]},
        "yaxis": {"range": list(reach)} if reach else {"rangemode": "tozero"},
        "showlegend": len(lines) > 1, "legend": {"orientation": "h", "y": -0.3},
    }  # fmt: skip
    return Figure(section, name, data, layout, 320, ("run", "of", "value", "95 % interval"), sorted(rows))
