"""One MLflow run per flow run, safe under threads, retries and worker processes.

Only the process of the flow writes, through `MlflowClient` with an explicit run id. Tasks, wherever they ran, leave
what they counted in the records of their steps; the flow logs it from there, so a fully cached run shows the same
metrics. A retry continues the run it finds by the tag `prefect.flow_run_id`. If MLflow does not answer, one warning
is given and the flow goes on.
"""

import json
import logging
import os
import platform
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from prefect.runtime import flow_run

from configs.base import Config
from tasks import hardware
from tasks.data import digests
from tasks.data.base import Ref, Value
from tasks.data.run import Outcome
from tasks.data.vectors import Encoded
from tasks.errors import StoreError
from tasks.runtime import records, steps, traces
from tasks.store import durable, workspace

LIBRARIES = ("llm-flows", "prefect", "mlflow", "torch", "transformers", "tokenizers", "faiss-cpu", "bm25s", "bertopic",
             "umap-learn", "hdbscan", "scikit-learn", "numpy", "pyarrow")  # fmt: skip
LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
SAFETY = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
METRICS_A_BATCH = 1_000  # MLflow's own limit
PARAM_LENGTH = 500

log = logging.getLogger(__name__)
_current: ContextVar["Run | None"] = ContextVar("run", default=None)


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


def tracking_uri() -> str:
    """Return the address of the MLflow store: the environment's, else the workspace's own database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace.folder('mlflow') / 'mlflow.db'}"


Signature = tuple[Mapping[str, str], Mapping[str, str]]  # name to MLflow's type, of what goes in and what comes out


@dataclass(frozen=True)
class RegisteredModel:
    """A folder that is put into MLflow's registry."""

    folder: Path
    digest: str
    signature: Signature | None = None


@dataclass
class Run:
    """One run of a flow, as it is tracked."""

    flow: str
    flow_run_id: str
    client: "_Client"
    finished: list[steps.Finished]
    started: float = field(default_factory=time.monotonic)
    published: dict[str, Ref] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    models: dict[str, "RegisteredModel"] = field(default_factory=dict)
    encoded: dict[str, Encoded] = field(default_factory=dict)

    @property
    def mlflow_run_id(self) -> str:
        """Id of the MLflow run; empty where MLflow does not answer."""
        return self.client.run_id

    def links(self) -> dict[str, str]:
        """Return where this run can be looked at; local addresses answer while `make ui` runs."""
        found = {"Prefect": str(flow_run.ui_url or ""), "MLflow": self.client.url}
        return {name: url for name, url in found.items() if url}

    def publish(self, **values: Value | None) -> None:
        """Name what the run made; None was not made."""
        for name, value in values.items():
            if value is None:
                continue
            found = records.refs_in(value)
            named = {name: value} if isinstance(value, Ref) else {f"{name}.{ref.kind}": ref for ref in found}
            self.published.update(named)

    def register(self, name: str, folder: Path, digest: str, signature: "Signature | None" = None) -> None:
        """Put a folder into MLflow's registry when the run ends, unless the newest version there has this digest.

        Args:
            name: Of the model.
            folder: Its files.
            digest: Of its content.
            signature: What goes in and what comes out, None where that is not stated.
        """
        self.models[name] = RegisteredModel(folder, digest, signature)

    def all_metrics(self) -> dict[str, float]:
        """Return every number of the run, by name: of its steps, stored ones included, and of the run itself."""
        found: dict[str, float] = {}
        for step in self.finished:
            found |= step.metrics()
        return {**found, **self.metrics}

    def outcome(self, result: Mapping[str, Any], report: Path | None = None) -> Outcome:
        """Return what the run hands back to its caller."""
        return Outcome(
            flow=self.flow,
            mlflow_run_id=self.mlflow_run_id,
            tasks={"run": sum(not f.cached for f in self.finished), "cached": sum(f.cached for f in self.finished)},
            metrics=self.all_metrics(),
            refs={name: {"kind": r.kind, "digest": r.digest, "rows": r.rows} for name, r in self.published.items()},
            report=str(report or ""),
            result=dict(result),
        )


@contextmanager
def run(flow: str, config: Config, **parameters: Any) -> Iterator[Run]:
    """Track a flow run from here to the end of the context.

    Args:
        flow: Name of the flow.
        config: Its config, logged field by field.
        parameters: Its other parameters.
    """
    flow_run_id = str(flow_run.id or "")
    client = _Client() if steps.planning() is None else _Client(unreachable=True)
    metrics: dict[str, float] = {}
    with steps.watch(metrics) as finished:
        tracked = Run(flow, flow_run_id, client, finished, metrics=metrics, parameters=parameters)
        client.open(flow, flow_run_id, _flat({**parameters, "config": config}))
        token = _current.set(tracked)
        status = "FAILED"
        try:
            yield tracked
            status = "FINISHED"
        finally:
            _current.reset(token)
            client.close(status, tracked)
            digests.forget()


class _Client:
    """The part of MLflow's client this project uses; the first failure is said once and ends all logging."""

    def __init__(self, *, unreachable: bool = False) -> None:
        self.unreachable = unreachable
        self.run_id = ""
        self.url = ""
        self.experiment = ""
        self._mlflow: Any = None

    def open(self, flow: str, flow_run_id: str, parameters: Mapping[str, Any]) -> None:
        self._try(lambda: self._open(flow, flow_run_id, parameters))

    def close(self, status: str, tracked: Run) -> None:
        self._try(lambda: self._close(status, tracked))
        self._try(lambda: self._trace(status, tracked))

    def _try(self, work: Callable[[], None]) -> None:
        if self.unreachable:
            return
        try:
            work()
        except Exception as error:
            self.unreachable = True
            reason = str(error).strip().partition("\n")[0][:200]
            log.warning("MLflow at %s does not answer (%s); this run continues untracked", tracking_uri(), reason)

    def _open(self, flow: str, flow_run_id: str, parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param, RunTag

        self._mlflow = prepare()
        with workspace.lock("mlflow"):
            experiment = self.experiment = self._experiment(flow)
        self._mark_killed(experiment)
        known = self._find(experiment, flow_run_id)
        made = known or self._mlflow.create_run(experiment, run_name=str(flow_run.name or flow))
        self.run_id = made.info.run_id
        self.url = f"{_ui_address()}/#/experiments/{experiment}/runs/{self.run_id}"
        tags = {**_whereabouts(), "prefect.flow_run_id": flow_run_id, "prefect.url": str(flow_run.ui_url or "")}
        params = (
            [Param(name, str(value)[:PARAM_LENGTH]) for name, value in parameters.items()] if known is None else []
        )
        self._mlflow.log_batch(self.run_id, params=params, tags=[RunTag(k, v) for k, v in tags.items()])
        self._mlflow.update_run(self.run_id, status="RUNNING")

    def _experiment(self, flow: str) -> str:
        found = self._mlflow.get_experiment_by_name(flow)
        if found is not None:
            return str(found.experiment_id)
        local = (
            None
            if os.environ.get("MLFLOW_TRACKING_URI")
            else (workspace.folder("mlflow", "artifacts") / flow).as_uri()
        )
        return str(self._mlflow.create_experiment(flow, artifact_location=local))

    def _find(self, experiment: str, flow_run_id: str) -> Any:
        if not flow_run_id:
            return None
        condition = f"tags.`prefect.flow_run_id` = '{flow_run_id}'"
        return next(iter(self._mlflow.search_runs([experiment], condition, max_results=1)), None)

    def _mark_killed(self, experiment: str) -> None:
        """End runs that a process of this machine left open when it was killed."""
        here = _whereabouts()["llm_flows.host"]
        for left in self._mlflow.search_runs(
            [experiment], f"attributes.status = 'RUNNING' and tags.`llm_flows.host` = '{here}'"
        ):
            if not _is_alive(left.data.tags.get("llm_flows.process", "")):
                self._mlflow.set_terminated(left.info.run_id, "KILLED")

    def _close(self, status: str, tracked: Run) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = {**tracked.all_metrics(), "seconds": time.monotonic() - tracked.started}
        metrics = [Metric(_metric_name(k), v, now, 0) for k, v in numbers.items()]
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self._mlflow.log_batch(self.run_id, metrics=metrics[start : start + METRICS_A_BATCH])
        refs = {name: ref.model_dump(mode="json") for name, ref in tracked.published.items()}
        lineage = [{"step": f.name, "key": f.key, "cached": f.cached, "seconds": f.seconds, "inputs": f.record.inputs}
                   for f in tracked.finished if f.record]  # fmt: skip
        for name, content in {"refs": refs, "steps": lineage, "environment": environment()}.items():
            self._mlflow.log_text(self.run_id, durable.canonical(content).decode(), f"{name}.json")
        for name, model in tracked.models.items() if status == "FINISHED" else ():
            self._register(name, model)
        self._mlflow.set_terminated(self.run_id, status)

    def _trace(self, status: str, tracked: Run) -> None:
        where = {"name": tracked.flow, "experiment": self.experiment, "run": self.run_id, "status": status}
        traces.write(tracking_uri(), where, tracked.parameters, tracked.published, tracked.finished)

    def _register(self, name: str, model: RegisteredModel) -> None:
        if not self._mlflow.search_registered_models(f"name = '{name}'", max_results=1):
            self._mlflow.create_registered_model(name)
        newest = self._mlflow.search_model_versions(
            f"name = '{name}'", max_results=1, order_by=["version_number DESC"]
        )
        if not newest or newest[0].tags.get("digest") != model.digest:
            self._mlflow.log_artifacts(self.run_id, str(model.folder), name)
            if model.signature is not None:
                self._mlflow.log_text(self.run_id, _mlmodel(name, self.run_id, model.signature), f"{name}/MLmodel")
            root = self._mlflow.get_run(self.run_id).info.artifact_uri
            self._mlflow.create_model_version(name, f"{root}/{name}", self.run_id, tags={"digest": model.digest})


def _mlmodel(name: str, run_id: str, signature: Signature) -> str:
    """Return MLflow's description of a model whose files are this project's own."""
    from mlflow.models import Model as Described
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    takes, gives = (Schema([ColSpec(kind, column) for column, kind in part.items()]) for part in signature)
    made = Described(artifact_path=name, run_id=run_id, signature=ModelSignature(inputs=takes, outputs=gives))
    return str(made.to_yaml())


def prepare() -> Any:
    """Return a client of the MLflow store, made if it is not there yet.

    Only one process at a time opens it: several that open a fresh database at once break it for good.
    """
    for name, value in {**LIMITS, **SAFETY}.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    with workspace.lock("mlflow"):
        client = MlflowClient(tracking_uri())
        client.search_experiments(max_results=1)
    return client


def published_by(flow_run_id: str) -> dict[str, dict[str, Any]]:
    """Return the references a finished flow run has published, by name, as MLflow has them; none of a run unknown.

    Raises:
        StoreError: MLflow does not answer.
    """
    try:
        client = prepare()
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        runs = client.search_runs(experiments, f"tags.`prefect.flow_run_id` = '{flow_run_id}'", max_results=1)
        with tempfile.TemporaryDirectory() as folder:
            paths = [client.download_artifacts(run.info.run_id, "refs.json", folder) for run in runs]
            found: dict[str, dict[str, Any]] = json.loads(Path(paths[0]).read_text("utf-8")) if paths else {}
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise StoreError(
            f"run {flow_run_id} cannot be looked up at {tracking_uri()} ({reason}); give a digest"
        ) from error
    return found


def environment() -> dict[str, Any]:
    """Return what a run's numbers depend on beside its config: code, libraries, machine."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    memory = psutil.virtual_memory().total / 2**30
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": hardware.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        **({"gpu": name} if (name := hardware.gpu()) else {}),
    }
    return {"libraries": versions, "machine": machine, "commit": _commit()}


def _commit() -> str:
    """Return the commit of the checkout this code runs from; empty where it is installed otherwise."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return found.stdout.strip()


def _whereabouts() -> dict[str, str]:
    process = psutil.Process()
    return {"llm_flows.host": socket.gethostname(), "llm_flows.process": f"{process.pid} {process.create_time()}"}


def _is_alive(process: str) -> bool:
    pid, _, started = process.partition(" ")
    try:
        return str(psutil.Process(int(pid)).create_time()) == started
    except (psutil.NoSuchProcess, ValueError):
        return False


def _ui_address() -> str:
    uri = tracking_uri()
    return uri if uri.startswith("http") else "http://127.0.0.1:5000"


def _metric_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Flatten configs and mappings to dotted names."""
    if isinstance(value, Config):
        value = {field: getattr(value, field) for field in type(value).model_fields}
    if not isinstance(value, Mapping):
        return {name: value}
    return {k: v for key, item in value.items() for k, v in _flat(item, f"{name}.{key}" if name else key).items()}
