"""Databases of a PostgreSQL server in a file, and back into an empty one, by PostgreSQL's own programs.

`pg_dump` reads all of one moment while the database is in use: https://www.postgresql.org/docs/current/app-pgdump.html.
Where the server is, and its password, goes by the environment that libpq reads; a list of processes shows neither.
"""

import os
import subprocess
from pathlib import Path

from tasks.errors import ContractError, MissingExtra, RemoteError

DATABASES = {  # what is kept, and the variables that may say where, the first one that is set
    "prefect": ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"),
    "mlflow": ("MLFLOW_BACKEND_STORE_URI",),
}
DUMP_S = 3_600.0
ASK_S = 30.0
TABLES = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p')"
)


def stated() -> dict[str, str]:
    """Return the addresses of the databases that the environment says are on PostgreSQL, by what they hold."""
    found = {what: next(filter(None, map(os.environ.get, names)), "") for what, names in DATABASES.items()}
    return {what: url for what, url in found.items() if url.partition("://")[0].startswith("postgres")}


def variable(what: str) -> str:
    """Return the variable that says where a database is."""
    return DATABASES[what][0]


def dump(what: str, target: Path) -> Path:
    """Write a database into a new file while it is in use.

    Raises:
        MissingExtra: PostgreSQL's programs are not installed.
        RemoteError: The server does not answer, refuses the password, or has no such database.
    """
    _run(what, ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}"], DUMP_S)
    return target


def require_empty(what: str) -> None:
    """Make sure that a database is there and holds nothing.

    Raises:
        ContractError: It holds tables, or the environment names none.
        MissingExtra, RemoteError: As `dump`.
    """
    if what not in stated():
        raise ContractError(
            f"the backup holds the database of {what} on PostgreSQL; set {variable(what)} to an empty one"
        )
    if (tables := int(_run(what, ["psql", "--no-psqlrc", "--tuples-only", f"--command={TABLES}"], ASK_S))) > 0:
        raise ContractError(
            f"the database that {variable(what)} names holds {tables} tables; make an empty one and name that"
        )


def load(what: str, source: Path) -> None:
    """Put a file of `dump` into an empty database, all of it or nothing.

    Raises:
        MissingExtra, RemoteError: As `dump`.
    """
    name = _libpq(stated()[what]).get("PGDATABASE", "")
    whole = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
    _run(what, ["pg_restore", *whole, f"--dbname={name}", str(source)], DUMP_S)


def _run(what: str, command: list[str], limit_s: float) -> str:
    """Run one of PostgreSQL's programs on a database; return what it printed."""
    environment = {**os.environ, **_libpq(stated()[what])}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s,
            check=False, errors="replace",
        )  # fmt: skip
    except FileNotFoundError as error:
        raise MissingExtra(
            f"{command[0]} is not here, which reads and writes the database of {what}; install PostgreSQL's client "
            "(Debian: apt-get install postgresql-client)"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise RemoteError(f"{command[0]} did not end within {limit_s:.0f} s on the database of {what}") from error
    if done.returncode:
        raise RemoteError(f"the database of {what} cannot be used ({_reason(done.stderr)}); check {variable(what)}")
    return done.stdout


def _reason(said: str) -> str:
    """Return why a program of PostgreSQL's ended, in one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = next((line for line in lines if "rror" in line or "FATAL" in line), "no reason given")
    return " ".join(reason.split())[:300]


def _libpq(address: str) -> dict[str, str]:
    """Return what an address of SQLAlchemy's says as the variables of libpq.

    https://www.postgresql.org/docs/current/libpq-envars.html
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise ContractError("an address of a database is not written as postgresql://USER@HOST:PORT/NAME") from error
    asked = {name: str(value) for name, value in url.query.items()}
    found = {
        "PGHOST": url.host or asked.get("host"),
        "PGPORT": url.port or asked.get("port"),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": asked.get("sslmode") or asked.get("ssl"),
        "PGCONNECT_TIMEOUT": 10,
    }
    return {name: str(value) for name, value in found.items() if value}
