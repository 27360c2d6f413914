"""One MLflow run: what is written about a flow run, and the store it is written to.

Only the process of the flow writes, through `MlflowClient` with an explicit run id. The first failure is said once and
ends all logging: a run without MLflow ends the same.
"""

import getpass
import importlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from prefect.runtime import flow_run
from pydantic import BaseModel

from tasks.data.base import Ref
from tasks.data.documents import DocumentsRef
from tasks.data.run import RegisteredModel, Signature, subject_of
from tasks.environment import commit, environment, is_alive, whereabouts
from tasks.errors import StoreError
from tasks.runtime import killed, records, steps, traces
from tasks.store import durable, workspace

SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # a silent server may cost 10 s in all; MLflow's 7 take minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # else a server's client says the address of each run there
}
METRICS_A_BATCH = 1_000  # MLflow's own limit
PARAM_LENGTH = 500
UI = "http://127.0.0.1:5000"
SEEN = "LLM_FLOWS_MLFLOW_UI"  # where a browser finds MLflow, if elsewhere than a run, as with containers
REFUSAL = "refuses the name or password; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD as it knows them"

log = logging.getLogger(__name__)


def tracking_uri() -> str:
    """Return the address of the MLflow store: the environment's, else the workspace's own database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{workspace.folder('mlflow') / 'mlflow.db'}"


class Tracked(Protocol):
    """What is written of a flow run."""

    flow: str
    finished: list[steps.Finished]
    started: float
    published: dict[str, Ref]
    parameters: Mapping[str, Any]
    models: dict[str, RegisteredModel]
    report: str

    def all_metrics(self) -> dict[str, float]:
        """Return every number of the run, by name."""
        ...


class MlflowRun:
    """The part of MLflow's client this project uses; the first failure is said once and ends all logging."""

    def __init__(self, *, unreachable: bool = False) -> None:
        self.unreachable = unreachable
        self.run_id = ""
        self.url = ""
        self.experiment = ""
        self._mlflow: Any = None

    def open(self, flow: str, flow_run_id: str, parameters: Mapping[str, Any]) -> None:
        """Make the MLflow run of a flow run, or go on with the one that an earlier try has made."""
        self._try(lambda: self._open(flow, flow_run_id, parameters))

    def close(self, status: str, tracked: Tracked) -> None:
        """Write what the run has measured and made, its trace, and how it ended."""
        self._try(lambda: self._close(status, tracked))
        self._try(lambda: self._trace(status, tracked))

    def _try(self, work: Callable[[], None]) -> None:
        if self.unreachable:
            return
        try:
            work()
        except Exception as error:
            self.unreachable = True
            said = str(error).strip().partition("\n")[0][:200]
            reason = REFUSAL if "error code 401" in said else f"does not answer ({said})"
            shown = re.sub(r"//[^/@]*@", "//***@", tracking_uri())  # without a password
            log.warning("MLflow at %s %s; this run continues untracked", shown, reason)

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
        tags = {
            **whereabouts(),
            "prefect.flow_run_id": flow_run_id,
            "prefect.url": str(flow_run.ui_url or ""),
            "mlflow.user": getpass.getuser(),
            "mlflow.source.name": f"flows.{flow.replace('-', '_')}",
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": commit(),
        }
        new = parameters if known is None else {}
        params = [Param(name, str(value)[:PARAM_LENGTH]) for name, value in new.items() if value is not None]
        stated = [RunTag(name, value) for name, value in tags.items() if value]
        self._mlflow.log_batch(self.run_id, params=params, tags=stated)
        self._mlflow.update_run(self.run_id, status="RUNNING")

    def log_report(self, page: Path) -> str:
        """Log the page of the run as an artifact; return the address that shows it, empty without MLflow."""
        self._try(lambda: self._mlflow.log_artifact(self.run_id, str(page), "report"))
        return "" if self.unreachable else f"{self.url}/artifacts/report/{page.name}"

    def log_point(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log numbers of a step of training while it goes on."""
        from mlflow.entities import Metric

        found = [Metric(name, value, int(time.time() * 1000), step) for name, value in numbers.items()]
        self._try(lambda: self._mlflow.log_batch(self.run_id, metrics=found))

    def _experiment(self, flow: str) -> str:
        found = self._mlflow.get_experiment_by_name(flow)
        if found is not None:
            return str(found.experiment_id)
        own = (workspace.home() / "mlflow" / "artifacts" / flow).as_uri()
        local = None if os.environ.get("MLFLOW_TRACKING_URI") else own
        return str(self._mlflow.create_experiment(flow, artifact_location=local))

    def _find(self, experiment: str, flow_run_id: str) -> Any:
        if not flow_run_id:
            return None
        condition = f"tags.`prefect.flow_run_id` = '{flow_run_id}'"
        return next(iter(self._mlflow.search_runs([experiment], condition, max_results=1)), None)

    def _mark_killed(self, experiment: str) -> None:
        """End runs that a process of this machine left open when it was killed."""
        here = whereabouts()["llm_flows.host"]
        for left in self._mlflow.search_runs(
            [experiment], f"attributes.status = 'RUNNING' and tags.`llm_flows.host` = '{here}'"
        ):
            if not is_alive(left.data.tags.get("llm_flows.process", "")):
                self._mlflow.set_terminated(left.info.run_id, "KILLED")
                killed.mark_crashed(left.data.tags.get("prefect.flow_run_id", ""))

    def _close(self, status: str, tracked: Tracked) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        numbers = {**tracked.all_metrics(), "seconds.flow": time.monotonic() - tracked.started}
        metrics = [Metric(_metric_name(k), v, now, 0) for k, v in numbers.items()]
        for start in range(0, len(metrics), METRICS_A_BATCH):
            self._mlflow.log_batch(self.run_id, metrics=metrics[start : start + METRICS_A_BATCH])
        refs = {name: ref.model_dump(mode="json") for name, ref in tracked.published.items()}
        lineage = [{"step": f.name, "key": f.key, "cached": f.cached, "seconds": f.seconds, "inputs": f.record.inputs}
                   for f in tracked.finished if f.record]  # fmt: skip
        for name, content in {"refs": refs, "steps": lineage, "environment": environment()}.items():
            self._mlflow.log_text(self.run_id, durable.canonical(content).decode(), f"{name}.json")
        self._mlflow.set_tag(self.run_id, "mlflow.note.content", _description(tracked, status))
        try:
            # Of two runs that name the same data set or model for the first time at once, MLflow fails one.
            with workspace.lock("mlflow"):
                self._log_data_sets(tracked)
                for name, model in tracked.models.items() if status == "FINISHED" else ():
                    self._register(name, model)
        finally:
            self._mlflow.set_terminated(self.run_id, status)  # else it would be running forever

    def _log_data_sets(self, tracked: Tracked) -> None:
        """Log what every ingesting step has read: its source, its digest, how many rows."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        read = {}
        for step in tracked.finished:
            source = tracked.parameters.get(step.label) or tracked.parameters.get("source")
            if step.record is None or not step.name.startswith("ingest-") or not isinstance(source, BaseModel):
                continue
            for ref in records.refs_in(step.record.value):
                if isinstance(ref, DocumentsRef):
                    stated, rows = source.model_dump_json(), json.dumps({"rows": ref.rows})
                    kind = str(getattr(source, "kind", "files"))
                    data = Dataset(subject_of(source), ref.digest[:36], kind, stated, profile=rows)
                    read[ref.digest] = DatasetInput(data, [InputTag("mlflow.data.context", step.label or "source")])
        if read:
            self._mlflow.log_inputs(self.run_id, datasets=list(read.values()))

    def _trace(self, status: str, tracked: Tracked) -> None:
        where = {"name": tracked.flow, "experiment": self.experiment, "run": self.run_id, "status": status}
        traces.write(tracking_uri(), where, tracked.parameters, tracked.published, tracked.finished)

    def _register(self, name: str, model: RegisteredModel) -> None:
        if not self._mlflow.search_registered_models(f"name = '{name}'", max_results=1):
            self._mlflow.create_registered_model(name)
        newest = self._mlflow.search_model_versions(
            f"name = '{name}'", max_results=1, order_by=["version_number DESC"]
        )
        version = newest[0].version if newest and newest[0].tags.get("digest") == model.digest else None
        if version is None:
            self._mlflow.log_artifacts(self.run_id, str(model.folder), name)
            if model.signature is not None:
                self._mlflow.log_text(self.run_id, _mlmodel(name, self.run_id, model.signature), f"{name}/MLmodel")
            root = self._mlflow.get_run(self.run_id).info.artifact_uri
            tags = {"digest": model.digest}
            version = self._mlflow.create_model_version(name, f"{root}/{name}", self.run_id, tags=tags).version
        if model.alias:
            self._mlflow.set_registered_model_alias(name, model.alias, version)


def _description(tracked: Tracked, status: str) -> str:
    """Return the Markdown that MLflow shows above a run: what it was, where else it can be looked at, what it made."""
    lines = [f"**{tracked.flow}**, {status.lower()}: {_code(str(flow_run.name or tracked.flow))}"]
    if url := str(flow_run.ui_url or ""):
        lines.append(f"- [this run in Prefect]({url})")
    if tracked.report:
        lines.append(f"- [report]({tracked.report})")
    lines += [f"- registered model {_code(name)}" for name in tracked.models if status == "FINISHED"]
    lines += [
        f"- {name}: {_code(f'{ref.kind} {ref.digest[:12]}')}, {ref.rows:,} rows"
        for name, ref in tracked.published.items()
    ]
    return "\n".join(lines)


def _code(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return f"`{''.join(c if c.isprintable() and c != '`' else ' ' for c in text)}`"


def _mlmodel(name: str, run_id: str, signature: Signature) -> str:
    """Return MLflow's description of a model whose files are this project's own."""
    from mlflow.models import Model as Described
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    takes, gives = (Schema([ColSpec(kind, column) for column, kind in part.items()]) for part in signature)
    made = Described(artifact_path=name, run_id=run_id, signature=ModelSignature(inputs=takes, outputs=gives))
    return str(made.to_yaml())


def load() -> None:
    """Import MLflow, which takes seconds, at a time of the caller's choice."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    importlib.import_module("mlflow.store.tracking.sqlalchemy_store" if tracking_uri()[:6] == "sqlite" else "mlflow")


def prepare() -> Any:
    """Return a client of the MLflow store, made if it is not there yet.

    Only one process at a time opens it: several that open a fresh database at once break it for good.
    """
    load()
    from mlflow import MlflowClient

    with workspace.lock("mlflow"):
        client = MlflowClient(tracking_uri())
        client.search_experiments(max_results=1)
    return client


def _ui_address() -> str:
    """Return where MLflow is looked at: as told, its server, what `make ui` has noted, else what it would note."""
    uri = os.environ.get(SEEN) or tracking_uri()
    if uri.startswith("http"):
        return uri.rstrip("/")
    path = workspace.home() / workspace.SERVERS
    try:
        return str(durable.read_json(path)["mlflow"]) if path.exists() else UI
    except (StoreError, KeyError):
        return UI


def _metric_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
