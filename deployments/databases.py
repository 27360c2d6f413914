"""Where Prefect and MLflow keep their tables: SQLite in the workspace, or PostgreSQL, tried before servers start.

Addresses come by the tools' own variables, `PREFECT_SERVER_DATABASE_CONNECTION_URL` and `MLFLOW_BACKEND_STORE_URI`.
A password in an address goes to the server as `PGPASSWORD`, which both drivers read
(https://www.postgresql.org/docs/current/libpq-envars.html): so it is in no command line, file or message.
"""

import asyncio
import importlib.util
from collections.abc import MutableMapping
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tasks.errors import ContractError, MissingExtra, RemoteError
from tasks.launch import postgres

PREFECT, MLFLOW = postgres.variable("prefect"), postgres.variable("mlflow")
DRIVERS = {
    PREFECT: ("postgresql+asyncpg", "sqlite+aiosqlite"),
    MLFLOW: ("postgresql", "postgresql+psycopg2", "sqlite"),
}
PASSWORD = "PGPASSWORD"  # noqa: S105
WAIT_S = 10
# SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {"28P01": "password", "28000": "password", "3D000": "database", "53300": "full"}


def prepare(name: str, environment: MutableMapping[str, str]) -> URL | None:
    """Try the database that a variable names, and take the password out of its address.

    Args:
        name: Of the variable.
        environment: Of the server; its address loses the password, which becomes `PGPASSWORD`.

    Returns:
        The address without a password, None where the variable is not set.

    Raises:
        ContractError: The address cannot be read, or is of another kind.
        MissingExtra: The driver is not installed.
        RemoteError: PostgreSQL does not answer, or refuses.
    """
    if not (given := environment.get(name)):
        return None
    url = _read(name, given)
    if url.drivername.startswith("postgresql"):
        _require_driver(name, url)
        password = url.password if url.password is not None else environment.get(PASSWORD)
        _try(name, url, password)
        if password is not None:
            environment[PASSWORD] = str(password)
        url = URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)
        _bound_connections(environment)
        environment[name] = url.render_as_string(hide_password=False)
    return url


def require_two(prefect: URL | None, mlflow: URL | None) -> None:
    """Refuse one database for both: their tables of migrations have the same name.

    Raises:
        ContractError: They are one.
    """
    if prefect is None or mlflow is None:
        return
    if _place(prefect) == _place(mlflow):
        raise ContractError(
            f"{PREFECT} and {MLFLOW} name the same database {prefect.database!r}; give each one of its own"
        )


def _place(url: URL) -> tuple[Any, ...]:
    return url.get_backend_name(), url.host or "", url.port or 5432, url.database


def _read(name: str, given: str) -> URL:
    """Return an address as parts; what cannot be read is not shown, for it may hold a password."""
    kinds = " or ".join(f"{kind}://" for kind in DRIVERS[name])
    try:
        url = make_url(given)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in DRIVERS[name]:
        raise ContractError(f"{name} is not an address of a database; it was to begin with {kinds}")
    if url.drivername.startswith("postgresql") and (not url.database or "@" in (url.host or "")):
        raise ContractError(
            f"{name} was to be {DRIVERS[name][0]}://USER:PASSWORD@HOST:PORT/DATABASE; write @ : / % of a password as "
            "%40 %3A %2F %25, or give the password as PGPASSWORD"
        )
    return url


def _require_driver(name: str, url: URL) -> None:
    driver = "asyncpg" if name == PREFECT else "psycopg2"
    if importlib.util.find_spec(driver) is None:
        raise MissingExtra(f"{name} needs the driver {driver}, which is not here; pip install 'llm-flows[postgres]'")


def _try(name: str, url: URL, password: Any) -> None:
    """Connect once, as the server will.

    Raises:
        RemoteError: It cannot; the message has no password in it.
    """
    full = url.set(password=password)
    where = f"PostgreSQL at {url.host or 'its socket'}:{url.port or 5432}"
    try:
        asyncio.run(_connect_async(full)) if name == PREFECT else _connect(full)
    except Exception as error:  # drivers raise errors of their own, of the system, and of timeouts
        way = "refuses this password of" if password else "asks for the password of"
        why = {
            "password": f"{way} user {url.username!r}; correct it in {name}, or in {PASSWORD}",
            "database": f"has no database {url.database!r}; createdb {url.database}, or correct {name}",
            "full": "has no connection left; raise its max_connections, or end what holds them",
        }.get(_kind(error), f"cannot be reached; start it, or correct {name} ({_reason(error, password)})")
        raise RemoteError(f"{where} {why}") from None


async def _connect_async(url: URL) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url, connect_args={"timeout": WAIT_S})
    try:
        async with engine.connect():
            pass
    finally:
        await engine.dispose()


def _connect(url: URL) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(url, connect_args={"connect_timeout": WAIT_S})
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _kind(error: BaseException) -> str:
    """Return which refusal an error is; libpq states no SQLSTATE of a connection that failed, only words."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if state := STATES.get(str(getattr(cause, "sqlstate", "") or getattr(cause, "pgcode", "") or "")):
        return state
    said = str(cause)
    for words, kind in (
        ("authentication failed", "password"),
        ("no password supplied", "password"),
        ("does not exist", "database"),
        ("too many clients", "full"),
    ):
        if words in said:
            return kind
    return ""


def _reason(error: BaseException, password: Any) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split()) or type(cause).__name__
    return (text.replace(str(password), "***") if password else text)[:200]


def _bound_connections(environment: MutableMapping[str, str]) -> None:
    """Bound the connections, unless told: both servers together take 40 of PostgreSQL's 100 at most.

    Runs have none: they talk to the servers. MLflow has an engine each for runs, models, users and jobs.
    """
    environment.setdefault("PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE", "5")
    environment.setdefault("PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW", "10")
    environment.setdefault("MLFLOW_SQLALCHEMYSTORE_POOL_SIZE", "3")
    environment.setdefault("MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW", "3")
