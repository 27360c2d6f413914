"""Make the work pools, their limits and the automations of this project on a Prefect server; safe to repeat.

    python -m deployments.bootstrap            make them, or bring them up to date
    python -m deployments.bootstrap --check    print where the server differs from the files; change nothing

Exit status: 0 as written, 1 where `--check` finds a difference, 2 no server. A pool's job template carries
`LLM_FLOWS_HOME`, so that whatever a worker runs reads and writes the workspace it was set up with. The server is the
one `PREFECT_API_URL` or the active profile names, else the one `make ui` started.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deployments import limits, watching
from deployments.watching import Said
from tasks.errors import ContractError, FlowError, RemoteError
from tasks.launch import access, prefect_server
from tasks.runtime import accelerator
from tasks.store import workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def main(words: Sequence[str]) -> int:
    """Make or update every pool, limit and automation, or compare them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deployments.bootstrap", allow_abbrev=False)
    parser.add_argument("--check", action="store_true", help="print what differs, change nothing")
    asked = parser.parse_args(words)
    try:
        connect()
        said = [*put_pools(check=asked.check), *put_automations(check=asked.check)]
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2
    differ = any(one.differs for one in said)
    if asked.check:
        print("the server differs from the files; make deploy brings it up to date" if differ else "as the files say")
    return 1 if asked.check and differ else 0


def put_pools(*, check: bool = False) -> list[Said]:
    """Make every pool with its limit, or bring it up to date, and print that; only look where it is to be checked."""
    from prefect.client.orchestration import get_client

    pools = watching.pools()
    with get_client(sync_client=True) as client:
        made = _printed(one for pool in pools for one in _apply(pool, client, check=check))
        return made + _printed(limits.apply(pools, client, check=check))


def put_automations(*, check: bool = False) -> list[Said]:
    """Make every automation, or bring it up to date, and print that; only look where it is to be checked."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return _printed(watching.apply(client, check=check))


def _printed(said: Iterator[Said]) -> list[Said]:
    found = []
    for one in said:
        print(one.line)
        found.append(one)
    return found


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


def _apply(pool: dict[str, Any], client: "SyncPrefectClient", *, check: bool) -> Iterator[Said]:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    name, common = (
        pool["name"],
        {
            "description": pool["description"],
            "base_job_template": _template(pool),
            "concurrency_limit": pool["concurrency_limit"],
        },
    )
    where = f"workspace {workspace.home()}"
    try:
        known = client.read_work_pool(name)
    except ObjectNotFound:
        if not check:
            client.create_work_pool(WorkPoolCreate(name=name, type=pool["type"], **common))
        yield Said(f"pool {name}: {'not on the server' if check else 'made'}, {where}", True)
        return
    other = list(watching.differences({field: getattr(known, field) for field in common}, common))
    if not check:
        client.update_work_pool(name, WorkPoolUpdate(**common))
    done = ("differs" if check else "brought up to date") if other else "as written"
    paused = "; paused by hand, its runs wait: prefect work-pool resume " + name if known.is_paused else ""
    yield Said(f"pool {name}: {done}, {where}{paused}", bool(other))
    yield from (Said(f"  {line}", True) for line in other)


def _template(pool: dict[str, Any]) -> dict[str, Any]:
    """Return the job template of a pool of ours."""
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["env"]["default"] = {
        "LLM_FLOWS_HOME": str(workspace.home()),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(watching.heartbeat_s()),
        # Waits of 2, 4, 8 s and so on, 254 s in all; of Prefect's 62, a server that was away for 90 failed runs.
        "PREFECT_CLIENT_MAX_RETRIES": "7",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
        "PREFECT_LOCAL_STORAGE_PATH": str(workspace.folder("prefect", "storage")),  # the errors of failed runs
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # which Prefect pickles unless told
        **({accelerator.NEEDS: pool["needs"]} if "needs" in pool else {}),
        **_mlflow_address(),
    }
    return template


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
