"""A PostgreSQL of a test's own: made in a folder, asking for passwords, gone with the test."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tasks.launch.prefect_server import free_port

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)  # where Debian puts them, not on the PATH
BINARIES = next((str(p) for p in PLACES if (p / "initdb").exists()), str(Path(shutil.which("initdb") or "").parent))
USER, PASSWORD = "flows", "a wörd/with@signs:100%"  # what an address has to escape


@dataclass(frozen=True)
class Postgres:
    """A running cluster on the loopback address."""

    port: int
    folder: Path

    def url(self, database: str, *, kind: str = "postgresql", password: str = PASSWORD, port: int = 0) -> str:
        """Return the address of a database, its password escaped."""
        return f"{kind}://{USER}:{quote(password, safe='')}@127.0.0.1:{port or self.port}/{database}"

    def call(self, *words: str) -> str:
        """Run a program of PostgreSQL as its user; return what it prints."""
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        command = [f"{BINARIES}/{words[0]}", *where, *words[1:]]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def create(self, *databases: str) -> None:
        """Make databases."""
        for name in databases:
            self.call("createdb", name)

    def ask(self, database: str, words: str) -> str:
        """Return what a statement returns, a line a row."""
        return self.call("psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", words, database)


def as_owner(*words: str) -> list[str]:
    """Return a command line run by someone PostgreSQL accepts: it refuses root."""
    command = [f"{BINARIES}/{words[0]}", *words[1:]]
    become = shutil.which("runuser") or "/usr/sbin/runuser"  # which is not on everybody's PATH
    return [become, "-u", "postgres", "--", *command] if os.getuid() == 0 else command


@contextmanager
def cluster() -> Iterator[Postgres]:
    """Make a cluster and run it until the context ends; skip the test where PostgreSQL is not installed."""
    if not (Path(BINARIES) / "initdb").exists():
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # pytest's folders are closed to others
    word = folder / "password"
    word.write_text(PASSWORD, "utf-8")
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, word):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    data, port = folder / "data", free_port()

    def run(*words: str) -> None:
        subprocess.run(as_owner(*words), check=True, cwd=folder, stdout=subprocess.DEVNULL)

    made = ["-A", "scram-sha-256", "-U", USER, "--pwfile", str(word), "-E", "UTF8", "--no-sync"]
    run("initdb", "-D", str(data), *made)
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    log = str(folder / "log")
    run("pg_ctl", "-D", str(data), "-l", log, "-w", "-o", settings, "start")
    try:
        yield Postgres(port, folder)
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
