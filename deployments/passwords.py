"""Passwords of the servers of `make ui`, by the variables of the tools themselves.

Prefect asks everyone for `PREFECT_SERVER_API_AUTH_STRING`, as `USER:PASSWORD`. MLflow asks for users with passwords
where `MLFLOW_AUTH_ADMIN_PASSWORD` is set: it makes the first user by it, and signs forms by
`MLFLOW_FLASK_SERVER_SECRET_KEY`.
Nothing has a default (https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth).
"""

import base64
import configparser
import importlib.util
import os
import urllib.error
import urllib.request
from collections.abc import MutableMapping
from pathlib import Path

from tasks.errors import ContractError, MissingExtra, RemoteError
from tasks.launch import prefect_server
from tasks.store import workspace

PREFECT, MLFLOW, KEY = "PREFECT_SERVER_API_AUTH_STRING", "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"
USER = "MLFLOW_AUTH_ADMIN_USERNAME"
OF_MLFLOW = (MLFLOW, KEY, "MLFLOW_BACKEND_STORE_URI", "MLFLOW_TRACKING_PASSWORD")  # which Prefect need not know
OF_PREFECT = (PREFECT, "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_DATABASE_CONNECTION_URL")
INI = "MLFLOW_AUTH_CONFIG_PATH"
SHORTEST = 12  # letters, by MLflow 3.17's own rule
OLD_DEFAULT = "password1234"  # MLflow shipped it until 3.16, and refuses it since
CACHED_S = 60  # a password is hashed slowly on purpose: once a minute, not once a request


def require(name: str, host: str) -> None:
    """Refuse a host that others reach, where nobody would be asked for a password.

    Args:
        name: PREFECT or MLFLOW.
        host: Where the server is to listen.

    Raises:
        ContractError: No password is set.
    """
    needed = {"PREFECT": PREFECT, "MLFLOW": MLFLOW}[name]
    if not os.environ.get(needed):
        example = "=USER:PASSWORD" if name == "PREFECT" else f" and {KEY}"
        raise ContractError(
            f"{name}_HOST={host} can be reached from other machines and nobody would be asked for a password; "
            f"set {needed}{example}, or leave {name}_HOST out"
        )


def check_prefect(environment: MutableMapping[str, str]) -> None:
    """Refuse what Prefect would take for a password and no client could send.

    Raises:
        ContractError: It is not written as `USER:PASSWORD`.
    """
    given = environment.get(PREFECT, "")
    if given and not all(given.partition(":")):
        raise ContractError(f"{PREFECT} must be written as USER:PASSWORD, and neither may be empty")


def protect_mlflow(environment: MutableMapping[str, str]) -> bool:
    """Make MLflow ask for users and passwords, where a password is set; return whether it will.

    Args:
        environment: Of MLflow; what its users are kept by is added, without a password.

    Raises:
        ContractError: A password is too short, or the key is missing.
        MissingExtra: What MLflow needs for it is not installed.
    """
    password = environment.get(MLFLOW, "")
    if not password:
        return False
    if len(password) < SHORTEST or password == OLD_DEFAULT:
        raise ContractError(f"{MLFLOW} must have {SHORTEST} letters or more, and must not be MLflow's old default")
    if not environment.get(KEY):
        raise ContractError(f"{MLFLOW} needs {KEY} beside it, a random text that stays the same: openssl rand -hex 32")
    if importlib.util.find_spec("flask_wtf") is None:
        raise MissingExtra(f"{MLFLOW} needs Flask-WTF, which is not here; pip install 'llm-flows[postgres]'")
    if not environment.get(INI):
        environment[INI] = str(_write_ini(environment["MLFLOW_BACKEND_STORE_URI"]))
    return True


def _write_ini(database: str) -> Path:
    """Write how MLflow keeps its users, in the database of its runs; return the file."""
    written = configparser.ConfigParser(interpolation=None)
    written["mlflow"] = {
        "default_permission": "READ",
        "database_uri": database.replace("%", "%%"),  # MLflow reads it with interpolation
        "admin_username": "admin",
        "authorization_function": "mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds": str(CACHED_S),
    }
    path = workspace.folder("mlflow") / "auth.ini"
    with path.open("w", encoding="utf-8") as file:
        written.write(file)
    return path


def check_admin(url: str, environment: MutableMapping[str, str]) -> None:
    """Make sure that MLflow knows the password it was given: it counts only when the first user is made.

    Raises:
        RemoteError: MLflow has another one.
    """
    user = environment.get(USER) or "admin"
    token = base64.b64encode(f"{user}:{environment[MLFLOW]}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310
        f"{url}/api/2.0/mlflow/users/get?username={user}", headers={"Authorization": f"Basic {token}"}
    )
    try:
        with prefect_server.DIRECT.open(request, timeout=30):
            return
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise RemoteError(f"MLflow at {url} answers {error.code} to its own user {user!r}") from error
    raise RemoteError(
        f"MLflow has another password for {user!r} than {MLFLOW} says, which counts only when the user is made; set "
        "the one it has, and change it there"
    )
