"""The deployments of `prefect.yaml` run on a process worker from their module entrypoints."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.deployments import run_deployment

from deployments import bootstrap

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]


@pytest.fixture
def command(workspace: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a Python module as a person would in a shell."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)  # for what is called in this process
    environment = {**os.environ, "LLM_FLOWS_HOME": str(workspace), "PREFECT_API_URL": prefect_server}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    return run


@pytest.fixture
def client(prefect_server: str) -> Any:
    """Return a client of the server."""
    with get_client(sync_client=True) as opened:
        yield opened


def artifacts_of(client: SyncPrefectClient, flow_run_id: UUID) -> dict[str, Any]:
    found = client.read_artifacts(
        artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    )
    return {str(artifact.key): artifact for artifact in found}


def described(schema: dict[str, Any]) -> dict[str, str]:
    """Return dotted field to help for every field of a form but `kind`."""
    definitions = schema.get("definitions") or schema.get("$defs") or {}
    return {
        f"{model}.{name}": str(field.get("description", ""))
        for model, definition in definitions.items()
        for name, field in definition.get("properties", {}).items()
        if name != "kind"
    }


def test_a_process_worker_runs_the_main_job_as_deployed(
    command: Any, client: SyncPrefectClient, workspace: Path, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"pool cpu: made, workspace {workspace}" in command("deployments.bootstrap")
    assert bootstrap.main() == 0
    assert "pool cpu: brought up to date" in capsys.readouterr().out
    command("prefect", "--no-prompt", "deploy", "--all")

    deployment = client.read_deployment_by_name("knowledge-base/cpu")
    assert deployment.entrypoint == "flows.knowledge_base.knowledge_base"
    assert [schedule.active for schedule in deployment.schedules] == [False]
    helps = described(deployment.parameter_openapi_schema)
    assert len(helps) > 30
    assert [name for name, words in helps.items() if not words] == []

    (notes / "empty.txt").write_bytes(b"")
    source = {"kind": "files", "path": str(notes)}
    config = {"embed": {"precision": "fp32"}, "topics": None}
    started = run_deployment("knowledge-base/cpu", parameters={"source": source, "config": config}, timeout=0)
    command("prefect", "worker", "start", "--pool", "cpu", "--run-once")

    finished = client.read_flow_run(started.id)
    assert finished.state_name == "Completed"
    assert (workspace / "collections" / "notes" / "live").is_file()
    found = artifacts_of(client, started.id)
    assert {key: a.type for key, a in found.items()} == {
        "encode-passages": "progress",
        "knowledge-base-summary": "markdown",
        "knowledge-base-release": "table",
        "knowledge-base-rejected": "table",
        "knowledge-base-report": "markdown",
        "knowledge-base-mlflow": "markdown",
    }
    assert float(found["encode-passages"].data) == 100.0
    assert "empty.txt" in str(found["knowledge-base-rejected"].data)
    assert str(workspace / "reports" / str(started.id)) in str(found["knowledge-base-report"].data)
