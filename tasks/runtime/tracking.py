"""One MLflow run per flow run, safe under threads, retries and worker processes.

Only the process of the flow writes, through `MlflowClient` with an explicit run id. Tasks, wherever they ran, leave
what they counted in the records of their steps; the flow logs it from there, so a fully cached run shows the same
metrics. A retry continues the run it finds by the tag `prefect.flow_run_id`. If MLflow does not answer, one warning
is given and the flow goes on.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.exceptions import CancelledRun, TerminationSignal
from prefect.runtime import flow_run

from configs.base import Config
from tasks.data import digests, retries
from tasks.data.base import Ref, Value
from tasks.data.run import Outcome, RegisteredModel, Signature
from tasks.data.vectors import Encoded
from tasks.environment import environment
from tasks.runtime import accelerator, records, steps
from tasks.runtime.mlflow_run import MlflowRun
from tasks.store import leases, losses, rejections, spending

STOPPED = (KeyboardInterrupt, SystemExit, TerminationSignal, CancelledRun)  # cancelled, or told to stop

_current: ContextVar["Run | None"] = ContextVar("run", default=None)
begun: list["Run"] = []  # the newest run that is part of no other, ended or not: a failed flow hands nothing back


def current() -> "Run":
    """Return the run of the flow that calls.

    Raises:
        RuntimeError: No flow of this process is being tracked.
    """
    found = _current.get()
    if found is None:
        raise RuntimeError("no run is being tracked here; open one with tracking.run")
    return found


def note_encoding(what: str, taken: Encoded) -> None:
    """Log what encoding some texts took, and keep it for the page of the run under `<what>.<label>`."""
    steps.log_metrics(f"embed-{what}", **taken.model_dump(exclude_none=True))
    if (found := _current.get()) is not None:
        found.encoded[steps.labelled(what)] = taken


def log_point(step: int, numbers: Mapping[str, float]) -> None:
    """Log numbers of a step of training at once, so that its curve can be watched; without a run, nothing."""
    if (found := _current.get()) is not None:
        found.client.log_point(step, {steps.labelled(name): value for name, value in numbers.items()})


@dataclass
class Run:
    """One run of a flow, as it is tracked."""

    flow: str
    flow_run_id: str
    client: MlflowRun
    finished: list[steps.Finished]
    spent: spending.Ledger = field(default_factory=spending.Ledger)
    asked_before: Counter[str] = field(default_factory=retries.counted)
    started: float = field(default_factory=time.monotonic)
    published: dict[str, Ref] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    models: dict[str, RegisteredModel] = field(default_factory=dict)
    encoded: dict[str, Encoded] = field(default_factory=dict)
    remarks: dict[str, Any] = field(default_factory=dict)
    report: str = ""
    history: str = ""  # collection whose runs this is one of
    on_end: list[Callable[[str, BaseException | None], None]] = field(default_factory=list)

    @property
    def mlflow_run_id(self) -> str:
        """Id of the MLflow run; empty where MLflow does not answer."""
        return self.client.run_id

    def links(self) -> dict[str, str]:
        """Return where this run can be looked at; local addresses answer while `make ui` runs."""
        addresses = (("Prefect", str(flow_run.ui_url or "")), ("MLflow", self.client.url))
        return {name: url for name, url in addresses if url}

    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that decide results."""
        return dict(environment()["libraries"])

    def publish(self, **values: Value | None) -> None:
        """Name what the run made; None was not made."""
        for name, value in values.items():
            if value is None:
                continue
            found = records.refs_in(value)
            named = {name: value} if isinstance(value, Ref) else {f"{name}.{ref.kind}": ref for ref in found}
            self.published.update(named)

    def register(
        self, name: str, folder: Path, digest: str, signature: Signature | None = None, alias: str = ""
    ) -> None:
        """Put a folder into MLflow's registry when the run ends, unless the newest version there has this digest.

        Args:
            name: Of the model.
            folder: Its files.
            digest: Of its content.
            signature: What goes in and what comes out, None where that is not stated.
            alias: What its version is called from now on, as `champion`; empty where no alias moves.
        """
        self.models[name] = RegisteredModel(folder, digest, signature, alias)

    def all_metrics(self) -> dict[str, float]:
        """Return every number of the run, by name: of its steps, stored ones included, and of the run itself."""
        again = {f"retries.{what}": float(times) for what, times in self.retries().items()}
        of_all = [*(step.metrics() for step in self.finished), self.metrics, again]
        return {name: value for found in of_all for name, value in found.items()}

    def retries(self) -> Counter[str]:
        """Return how often this process has asked again over the network during the run, by who was asked."""
        return retries.counted() - self.asked_before

    def outcome(self, result: Mapping[str, Any], report: Path | None = None) -> Outcome:
        """Return what the run hands back to its caller."""
        refs = (ref for step in self.finished if step.record for ref in records.refs_in(step.record.value))
        told = dict(result)
        if (lost := losses.of_steps(self.finished)) is not None:
            names = list(result)
            after = names.index("documents") + 1 if "documents" in names else len(names)
            told = {name: result[name] for name in names[:after]} | {"losses": lost.stated()} | told
        told |= self.remarks
        if again := self.retries():
            told["retries"] = {"said": ", ".join(f"{what} {n}" for what, n in again.items()), **again}
        if budget := self.spent.stated():
            told["budget"] = budget
        return Outcome(
            flow=self.flow,
            mlflow_run_id=self.mlflow_run_id,
            tasks=self.counts(),
            metrics=self.all_metrics(),
            refs={name: {"kind": r.kind, "digest": r.digest, "rows": r.rows} for name, r in self.published.items()},
            report=str(report or ""),
            result={**told, "rejected": result.get("rejected", rejections.by_reason(refs))},
        )

    def counts(self) -> dict[str, int]:
        """Return how many steps ran, and how many were stored."""
        cached = sum(step.cached for step in self.finished)
        return {"run": len(self.finished) - cached, "cached": cached}


@contextmanager
def run(flow: str, config: Config, **parameters: Any) -> Iterator[Run]:
    """Track a flow run from here to the end of the context.

    Args:
        flow: Name of the flow.
        config: Its config, logged field by field.
        parameters: Its other parameters.

    Raises:
        ContractError: The work pool of the run needs what this machine lacks.
    """
    accelerator.require()
    flow_run_id, client = str(flow_run.id or ""), MlflowRun(unreachable=steps.planning() is not None)
    metrics: dict[str, float] = {}
    with steps.watch(metrics) as finished, spending.shared() as spent, losses.noting(), leases.holding():
        tracked = Run(flow, flow_run_id, client, finished, spent, metrics=metrics, parameters=parameters)
        client.open(flow, flow_run_id, _flat({**parameters, "config": config}))
        if _current.get() is None:
            begun[:] = [tracked]
        token = _current.set(tracked)
        status, failure = "FAILED", None
        try:
            yield tracked
            status = "FINISHED"
        except BaseException as error:
            failure = error
            status = "KILLED" if isinstance(error, STOPPED) else "FAILED"
            raise
        finally:
            _current.reset(token)
            for end in tracked.on_end:  # each says itself what it cannot do
                end(status, failure)
            client.close(status, tracked)
            digests.forget()


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Flatten configs and mappings to dotted names."""
    if isinstance(value, Config):
        value = {field: getattr(value, field) for field in type(value).model_fields}
    if not isinstance(value, Mapping):
        return {name: value}
    return {k: v for key, item in value.items() for k, v in _flat(item, f"{name}.{key}" if name else key).items()}
