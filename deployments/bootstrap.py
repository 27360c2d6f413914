"""Make the work pools of this project on a Prefect server; safe to repeat.

    python -m deployments.bootstrap

A pool's job template carries `LLM_FLOWS_HOME`, so that whatever a worker runs reads and writes the workspace it was
set up with. The server is the one `PREFECT_API_URL` or the active profile names, else the one `make ui` started.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks.errors import ContractError, FlowError, RemoteError
from tasks.launch import access, prefect_server
from tasks.store import workspace

POOLS = Path(__file__).parent / "pools"


def main() -> int:
    """Make or update every pool; return the exit status."""
    try:
        pools = [json.loads(path.read_text("utf-8")) for path in sorted(POOLS.glob("*.json"))]
        connect()
        for pool in pools:
            print(f"pool {pool['name']}: {_apply(pool)}, workspace {workspace.home()}")
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def connect() -> str:
    """Point Prefect at a running server; return its address.

    Raises:
        RemoteError: There is none, or it refuses the password of this shell.
    """
    prefect_server.bypass_proxies()
    url = os.environ.get("PREFECT_API_URL") or prefect_server.profile_url()
    url = url or prefect_server.noted(wait_s=prefect_server.START_TIMEOUT_S)
    if url is None:
        raise RemoteError(
            f"no Prefect server runs over the workspace {workspace.home()}; run make ui in another shell with the "
            "same LLM_FLOWS_HOME, or set PREFECT_API_URL"
        )
    if not prefect_server.healthy(url):
        raise RemoteError(
            f"no Prefect server answers at {url}; start it; PREFECT_API_URL or the active Prefect profile names it"
        )
    access.require_prefect(url)
    os.environ["PREFECT_API_URL"] = url
    return url


def ui_of(url: str) -> str:
    """Return the address of the UI of a server, by that of its API."""
    return url.removesuffix("/").removesuffix("/api")


def _mlflow_address() -> dict[str, str]:
    """Return the address of MLflow for jobs, which the server stores in clear: passwords come from the worker.

    Raises:
        ContractError: The address holds one.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if "@" in urlsplit(uri).netloc:
        raise ContractError(
            "MLFLOW_TRACKING_URI holds a user or a password, and the work pool would store it in clear; set it to the "
            "address of an MLflow server alone, and its user and password where the worker is, as "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    return {"MLFLOW_TRACKING_URI": uri} if uri else {}


def _apply(pool: dict[str, Any]) -> str:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["env"]["default"] = {
        "LLM_FLOWS_HOME": str(workspace.home()),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
        "PREFECT_LOCAL_STORAGE_PATH": str(workspace.folder("prefect", "storage")),  # the errors of failed runs
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # which Prefect pickles unless told
        **_mlflow_address(),
    }
    common = {
        "description": pool["description"],
        "base_job_template": template,
        "concurrency_limit": pool["concurrency_limit"],
    }
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool["name"])
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=pool["name"], type=pool["type"], **common))
            return "made"
        client.update_work_pool(pool["name"], WorkPoolUpdate(**common))
        return "brought up to date"


if __name__ == "__main__":
    sys.exit(main())
