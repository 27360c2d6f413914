"""Whether the servers of a run let it in, asked before the run starts: a wrong password is one line, not a traceback.

Passwords come by the tools' own variables: `PREFECT_API_AUTH_STRING` or `PREFECT_API_KEY` for Prefect,
`MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD` for MLflow. Servers that are down are not the subject here:
a run without MLflow ends the same, and Prefect is waited for elsewhere.
"""

import base64
import importlib
import logging
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import psutil

from configs.addresses import is_loopback
from tasks.errors import ContractError, RemoteError, StoreError
from tasks.launch import prefect_server
from tasks.store import durable, workspace

REFUSED = (401, 403)
OK, SERVER_FAULT = 200, 500
URI = "MLFLOW_TRACKING_URI"
ASKED = "/api/2.0/mlflow/experiments/search"

log = logging.getLogger(__name__)


def require_prefect(url: str) -> None:
    """Make sure that a Prefect server takes the password of this shell, and reaches its database.

    Raises:
        RemoteError: It does not.
    """
    given = prefect_server.setting("PREFECT_API_AUTH_STRING"), prefect_server.setting("PREFECT_API_KEY")
    word, key = given
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if word:
        headers = {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"}
    if (status := _status(f"{url}/admin/version", headers)) not in REFUSED:
        # /health does not look at the database, and an older server has no /ready.
        if status == OK and _status(f"{url}/ready", headers) >= SERVER_FAULT:
            raise RemoteError(f"the Prefect server at {url} does not reach its database; start that, and run again")
        return
    how = (
        "asks for a password"
        if not any(given)
        else f"refuses {'PREFECT_API_AUTH_STRING' if word else 'PREFECT_API_KEY'}"
    )
    raise RemoteError(
        f"the Prefect server at {url} {how}; set PREFECT_API_AUTH_STRING to the USER:PASSWORD that its "
        "PREFECT_SERVER_API_AUTH_STRING has"
    )


def _status(address: str, headers: dict[str, str]) -> int:
    """Return the status with which a server answers; 0 where it does not."""
    opened = prefect_server.DIRECT.open if is_loopback(address) else urllib.request.urlopen
    try:
        with opened(urllib.request.Request(address, headers=headers), timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0


def adopt_mlflow() -> None:
    """Let runs use the MLflow server of `make ui` where it keeps runs elsewhere, or asks for passwords."""
    if os.environ.get(URI):
        return
    path = workspace.home() / workspace.SERVERS
    try:
        note = durable.read_json(path) if path.exists() else {}
    except StoreError:
        return
    if not (address := note.get(prefect_server.TRACKING)):
        return
    if psutil.pid_exists(int(note.get("process", -1))):
        os.environ[URI] = str(address)
    else:
        log.warning(
            "make ui over this workspace was killed; its MLflow at %s kept runs elsewhere, and what runs now is kept "
            "in the workspace itself; start make ui again to keep all in one place", address
        )  # fmt: skip


def require_mlflow() -> None:
    """Make sure that the MLflow server, if there is one, takes the name and the password of this shell.

    Raises:
        ContractError: Its address holds a password.
        RemoteError: It refuses them.
    """
    uri = os.environ.get(URI, "")
    if not uri.startswith(("http://", "https://")):
        return
    if "@" in urlsplit(uri).netloc:
        raise ContractError(
            f"{URI} holds a user or a password, which would be shown; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD in place of it"
        )
    from tasks.runtime import mlflow_run

    mlflow_run.load()
    credentials: Any = importlib.import_module("mlflow.utils.credentials")
    rest: Any = importlib.import_module("mlflow.utils.rest_utils")

    try:
        answer = rest.http_request(
            credentials.get_default_host_creds(uri), ASKED, "POST", json={"max_results": 1}, raise_on_status=False
        )
    except Exception:  # it is down: the run says so itself, once, and goes on without
        return
    if answer.status_code in REFUSED:
        if not os.environ.get("MLFLOW_TRACKING_PASSWORD"):
            raise RemoteError(f"MLflow at {uri} asks for a name and a password; set MLFLOW_TRACKING_USERNAME and "
                              "MLFLOW_TRACKING_PASSWORD as it knows them")  # fmt: skip
        raise RemoteError(f"MLflow at {uri} {mlflow_run.REFUSAL}")
