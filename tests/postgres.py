"""A PostgreSQL server of a test's own, in a folder of its own, where PostgreSQL is installed."""

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.launch.prefect_server import free_port

NEWEST = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)
FOUND = shutil.which("initdb") or (NEWEST and shutil.which("initdb", path=str(NEWEST)))
USER = "flows"


@dataclass(frozen=True)
class Cluster:
    """A server that runs.

    Attributes:
        port: It listens there, on the loopback address.
        password: Of its only user.
    """

    port: int
    password: str

    def url(self, database: str, driver: str = "", password: str | None = None) -> str:
        """Return the address of a database."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{USER}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, *databases: str) -> None:
        """Make databases."""
        for name in databases:
            self.ask("postgres", f'CREATE DATABASE "{name}"')

    def ask(self, database: str, words: str) -> str:
        """Return what a statement returns, a line a row."""
        command = ["psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-At", "-c", words, self.url(database)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Run a server until the context ends; the test is skipped where PostgreSQL is not installed."""
    if not FOUND or not shutil.which("psql"):
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    # PostgreSQL refuses to run as root: there its own user, which Debian's package makes, runs it.
    become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    programs, data, password = Path(str(FOUND)).parent, folder / "data", secrets.token_hex(8)
    folder.mkdir(parents=True)
    (folder / "password").write_text(password)
    if become:
        for parent in [folder, *folder.parents]:
            with contextlib.suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o011)
        shutil.chown(folder, "postgres")
        shutil.chown(folder / "password", "postgres")
    options = [f"--pwfile={folder / 'password'}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"]
    _run(*become, str(programs / "initdb"), f"--pgdata={data}", f"--username={USER}", *options)
    port = free_port()
    more = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    control = [*become, str(programs / "pg_ctl"), f"--pgdata={data}", "-w", "-l", str(folder / "log")]
    _run(*control, "-o", more, "start")
    try:
        yield Cluster(port, password)
    finally:
        _run(*control, "-m", "immediate", "stop")


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
