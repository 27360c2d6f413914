"""`@step`: a Prefect task whose result is looked up and kept in the store.

The key of a step is its name, its inputs (a reference counts by kind and digest, so by content), the code it can
reach, the versions of the libraries it names, and the store's format. A result that is there and verifies comes back
as a Prefect state named *Cached*; anything else is computed, saved with a record of what it came from, and returned.

State lives in this module and is reached through it: Prefect pickles the functions of tasks by value for other
processes, and a lock or `ContextVar` among their globals would break that.
"""

import functools
import inspect
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, cast

import prefect
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.task_runners import TaskRunner
from pydantic import BaseModel

from configs.base import NotInCacheKey
from tasks import environment
from tasks.data import retries
from tasks.data.base import Value
from tasks.data.evaluation import Measure, metric_name
from tasks.errors import ContractError
from tasks.runtime import accelerator, code, logs, records
from tasks.runtime.accelerator import Stopwatch
from tasks.runtime.progress import watched
from tasks.runtime.records import Inputs, Metrics, Record, find
from tasks.store import durable, workspace

P = ParamSpec("P")
V = TypeVar("V", bound=Value)


@dataclass(frozen=True)
class Finished:
    """One step as the flow saw it end; `started` is a moment of the clock, in seconds since 1970."""

    name: str
    key: str
    cached: bool
    seconds: float
    record: Record | None
    started: float = 0.0
    label: str = ""

    def metrics(self) -> Metrics:
        """Return what the step has logged, by the names it has in a run.

        What it counted is `<step>.<label>.<metric>`; what was measured is `<group>.<label>.<metric>`.
        """
        found = {}
        for name, value in self.record.metrics.items() if self.record else ():
            group, _, rest = name[1:].partition("/") if name.startswith("/") else (self.name, "", name)
            found[".".join(filter(None, (group, self.label, rest)))] = value
        return found


@dataclass(frozen=True)
class PlanLine:
    """What would happen to one step, and why."""

    name: str
    outcome: str
    why: str = ""


class PlanEnds(BaseException):
    """Leaves the flow at the first step of a plan whose result is not there: what follows depends on it."""


_interrupted = threading.Event()
_metrics: ContextVar[Metrics | None] = ContextVar("metrics", default=None)  # of the running step
_run_metrics: ContextVar[Metrics | None] = ContextVar("run_metrics", default=None)
_label: ContextVar[tuple[str, ...]] = ContextVar("label", default=())
_finished: ContextVar[list[Finished] | None] = ContextVar("finished", default=None)
_plan: ContextVar[list[PlanLine] | None] = ContextVar("plan", default=None)


logs.quieten()


def interrupt() -> None:
    """Let no further step of this process start: an interrupt that a library has swallowed still ends the run."""
    _interrupted.set()


def log_metrics(group: str = "", /, **metrics: float) -> None:
    """Log numbers of the running step, which keeps them in its record; outside of one, of the run.

    Args:
        group: First part of their names; left out, the name of the step.
        metrics: The numbers by name.

    Raises:
        ContractError: The run has a number of that name and label already.
    """
    if (mine := _metrics.get()) is not None:
        mine.update({f"/{group}/{name}" if group else name: float(value) for name, value in metrics.items()})
    elif (logged := _run_metrics.get()) is not None:
        for metric, value in metrics.items():
            name = f"{labelled(group)}.{metric}" if group else labelled(metric)
            if logged.setdefault(name, float(value)) != float(value):
                raise ContractError(f"{name} is {logged[name]:g} already but {value:g} was logged; give it a label")


def log_measures(group: str, measures: Iterable[Measure]) -> None:
    """Log measures as `<group>.<of what>.<measure>`, with `.n`, and `.low` and `.high` where it has an interval."""
    for measure in measures:
        name = measure.metric.removeprefix(f"{group}.")
        ends = {".low": measure.low, ".high": measure.high} if measure.has_interval else {}
        logged = {"": measure.value, **ends, ".n": measure.n}
        log_metrics(group, **{f"{name}{end}": value for end, value in logged.items()})


def labelled(name: str) -> str:
    """Return a name with the labels that are open here: `<name>.<label>`."""
    return ".".join((name, *_label.get()))


@contextmanager
def label(*names: str) -> Iterator[None]:
    """Tell apart the steps that run while the context is open: their metrics are `<step>.<label>.<metric>`."""
    token = _label.set((*_label.get(), *map(metric_name, names)))
    try:
        yield
    finally:
        _label.reset(token)


@contextmanager
def watch(metrics: Metrics | None = None) -> Iterator[list[Finished]]:
    """Collect the steps that end while the context is open, in order; and what is logged outside of them."""
    tokens = _finished.set([]), _run_metrics.set(metrics)
    try:
        yield cast("list[Finished]", _finished.get())
    finally:
        _finished.reset(tokens[0])
        _run_metrics.reset(tokens[1])


@contextmanager
def plan() -> Iterator[list[PlanLine]]:
    """Look steps up instead of running them; the first that is missing ends the flow with `PlanEnds`."""
    token = _plan.set([])
    try:
        yield cast("list[PlanLine]", _plan.get())
    finally:
        _plan.reset(token)


def foresee(name: str, tasks: int, why: str) -> None:
    """In a plan, note the tasks that would run for what is not cached, and end it there."""
    if (lines := _plan.get()) is not None and tasks:
        lines.append(PlanLine(name, "will run once" if tasks == 1 else f"will run {tasks} times", why))
        raise PlanEnds


def planning() -> list[PlanLine] | None:
    """Return the plan being made, or None when steps really run."""
    return _plan.get()


@dataclass(frozen=True)
class Spec:
    """What decides the key of a step, apart from its inputs."""

    name: str
    module: str
    signature: inspect.Signature
    libraries: tuple[str, ...] = ()
    stored: bool = True
    device_of: tuple[str, ...] = ()

    def described(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """Return the arguments that say where the step computes."""
        bound = self.signature.bind(*args, **kwargs)
        return [bound.arguments[name] for name in self.device_of]

    def inputs(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Inputs:
        """Return the inputs in the form they count in."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return {name: _plain(value, f"{self.name}({name})") for name, value in bound.arguments.items()}

    def key(self, inputs: Inputs) -> str:
        """Return the name under which the result is kept."""
        parts = [self.name, inputs, code.digest(self.module), environment.versions(self.libraries), durable.FORMAT]
        return durable.digest_of(parts)


class Step(Generic[P, V]):
    """A stored task: call it in a flow, or call `.fn` in a test."""

    def __init__(self, fn: Callable[P, V], spec: Spec, options: dict[str, Any]) -> None:
        self.fn = fn
        self.spec = spec
        run_name = functools.partial(_run_name, spec.name, options.pop("task_run_name", None))

        @functools.wraps(fn)
        def looked_up(*args: P.args, **kwargs: P.kwargs) -> Any:
            from tasks.runtime import steps  # by module: this function travels to other processes by value

            return steps.execute(spec, fn, args, kwargs)

        self.task: prefect.Task[..., Any] = prefect.task(
            name=spec.name, task_run_name=run_name, cache_policy=NO_CACHE, persist_result=False, **options
        )(looked_up)

    def stored(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether the result is in the store, whole."""
        return find(self.spec.name, self.spec.key(self.spec.inputs(args, kwargs))) is not None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> V:
        """Look the result up or compute it, as a task of the running flow.

        Raises:
            KeyboardInterrupt: The process was told to stop.
        """
        if _interrupted.is_set():
            raise KeyboardInterrupt
        inputs = self.spec.inputs(args, kwargs)
        key = self.spec.key(inputs)
        if (lines := _plan.get()) is not None:
            return cast("V", _planned(self.spec, key, inputs, lines))
        self._require_label(key)
        watch = Stopwatch()
        with watched(labelled(self.spec.name), self.spec.name, records.rows_of((args, kwargs))):
            outcome = self.task(*args, **kwargs)
        cached = isinstance(outcome, State)
        seconds = watch.seconds
        _log_wait(self.spec.name, watch)
        if (finished := _finished.get()) is not None:
            started = time.time() - seconds
            record = find(self.spec.name, key) if self.spec.stored else None
            finished.append(Finished(self.spec.name, key, cached, seconds, record, started, ".".join(_label.get())))
        value = cast("V", outcome.result() if isinstance(outcome, State) else outcome)
        logs.step_ended(labelled(self.spec.name), value, seconds, cached=cached)
        return value

    def _require_label(self, key: str) -> None:
        """Refuse a second call under one label: which of the two a metric is of could not be told.

        Raises:
            ContractError: The step has run under this label, with other inputs.
        """
        name, named = self.spec.name, ".".join(_label.get())
        before = [f for f in _finished.get() or () if (f.name, f.label) == (name, named) and f.key != key]
        if before and self.spec.stored:
            raise ContractError(
                f"{name} runs a second time, with other inputs, under the label {named!r}; "
                "open a `steps.label` of its own around one of the calls"
            )

    def run_each(self, calls: Sequence[Mapping[str, Any]], runner: "TaskRunner[Any]") -> Iterator[V]:
        """Run the step once a call, side by side as the runner can; results come in the order of the calls.

        Raises:
            FlowError: What the first call that failed raised; the others have run to their end.
        """
        started = time.perf_counter()
        watch = Stopwatch()
        futures = [runner.submit(self.task, parameters=dict(call)) for call in calls]
        for call, future in zip(calls, futures, strict=True):
            value = cast("V", future.result())
            if (finished := _finished.get()) is not None:
                key = self.spec.key(self.spec.inputs((), call))
                record = find(self.spec.name, key) if self.spec.stored else None
                seconds = time.perf_counter() - started
                finished.append(Finished(self.spec.name, key, False, seconds, record, time.time() - seconds))
            started = time.perf_counter()
            yield value
        _log_wait(self.spec.name, watch)


def _log_wait(name: str, watch: Stopwatch) -> None:
    """Add what a step has waited for the GPU to the metrics of the run: a stored result has waited for nothing."""
    if watch.waited > 0 and (logged := _run_metrics.get()) is not None:
        metric = f"{labelled(name)}.gpu_wait_s"
        logged[metric] = logged.get(metric, 0.0) + watch.waited


def _run_name(name: str, template: str | None, parameters: Mapping[str, Any]) -> str:
    """Return the name of a task run: the step's with the labels that are open, then what its template adds."""
    from tasks.runtime import steps  # by module: this function travels to other processes by value

    more = (template or name).format(**parameters).removeprefix(name).strip()
    return f"{steps.labelled(name)} {more}".strip()


def step(
    *, name: str, run_name: str | None = None, libraries: tuple[str, ...] = (), stored: bool = True,
    device_of: tuple[str, ...] = (), **options: Any
) -> Callable[[Callable[P, V]], Step[P, V]]:  # fmt: skip
    """Make a stored task of a function that returns a `Value`.

    Args:
        name: Unique name, `verb-object`; part of the key.
        run_name: Template of the run's name in Prefect, filled with the arguments.
        libraries: Distributions whose version decides the result.
        stored: Whether the result is kept; a step that fills the item cache keeps nothing else.
        device_of: Parameters that say where it computes; where one says a GPU, a slot of it is held meanwhile.
        options: Anything else `prefect.task` takes.
    """

    def decorate(fn: Callable[P, V]) -> Step[P, V]:
        spec = Spec(name, fn.__module__, inspect.signature(fn), libraries, stored, device_of)
        return Step(fn, spec, {"task_run_name": run_name, **options})

    return decorate


def execute(spec: Spec, fn: Callable[..., Value], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Run a step: return its stored result as a *Cached* state, or compute, save and return it.

    Only one process computes a key at a time; the others wait and find the result.
    """
    on_gpu = accelerator.slot(*spec.described(args, kwargs))
    if not spec.stored:
        with on_gpu:
            return fn(*args, **kwargs)
    key = spec.key(inputs := spec.inputs(args, kwargs))
    with workspace.lock(f"step-{key[:2]}"):
        if (known := find(spec.name, key)) is not None:
            return Completed(name="Cached", data=known.value)
        metrics: Metrics = {}
        token = _metrics.set(metrics)
        try:
            with on_gpu:
                watch, again = Stopwatch(), retries.counted()
                value = fn(*args, **kwargs)
                seconds, again = watch.seconds, retries.counted() - again
                metrics.update({"retries": float(again.total())} if again else {})
        finally:
            _metrics.reset(token)
        if not isinstance(value, Value):
            raise ContractError(
                f"step {spec.name} returned {type(value).__name__} but a Value of tasks.data was needed"
            )
        libraries = environment.versions(spec.libraries)
        took = seconds, records.rows_of((args, kwargs))
        records.write(spec.name, key, Record(value, inputs, code.digest(spec.module), libraries, metrics, *took))
    return value


def _plain(value: Any, where: str) -> Any:
    """Return the JSON form in which an input counts."""
    match value:
        case Value() if (form := value.cache_key()) is not None:
            return form
        case BaseModel():
            counted = [name for name, f in type(value).model_fields.items() if NotInCacheKey not in f.metadata]
            return {"model": type(value).__name__, **{n: _plain(getattr(value, n), f"{where}.{n}") for n in counted}}
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
        case Mapping():
            return {str(name): _plain(item, f"{where}[{name!r}]") for name, item in value.items()}
    raise ContractError(f"{where} is {type(value).__name__} but a step takes references, configs and plain values")


def _planned(spec: Spec, key: str, inputs: Inputs, lines: list[PlanLine]) -> Value:
    known = find(spec.name, key)
    if known is not None:
        lines.append(PlanLine(spec.name, "stored"))
        return known.value
    lines.append(PlanLine(spec.name, "will run", _why(spec, inputs)))
    raise PlanEnds


def _why(spec: Spec, inputs: Inputs) -> str:
    """Compare with the record of the same step that is most like it: the same call of an earlier run."""
    newest = itertools.islice(records.recorded(spec.name), 100)
    before = min(newest, key=lambda r: sum(inputs[n] != r.inputs.get(n) for n in inputs), default=None)
    if before is None:
        kept = any(workspace.folder("steps", spec.name).glob("*.json"))
        return "its record is damaged" if kept else "never run here"
    reasons = [f"{name} changed" for name in inputs if inputs[name] != before.inputs.get(name)]
    reasons += ["the code changed"] if code.digest(spec.module) != before.code else []
    now = environment.versions(spec.libraries)
    reasons += [
        f"{name} {before.libraries.get(name)} -> {now[name]}"
        for name in now
        if now[name] != before.libraries.get(name)
    ]
    return ", ".join(reasons) or "its stored result is missing"
