"""docs/deployment.md, followed word by word: its blocks in order, each in a clean shell, to a scheduled run."""

import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tasks.launch.prefect_server import free_port
from tests.deployments.composed import COMPOSE, compose
from tests.postgres import BINARIES, PASSWORD, Postgres, cluster

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deployment.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
LAPTOP, SERVER, CONTAINERS = "On a laptop", "On a server, with PostgreSQL and passwords", "In containers"

# What stays, and what it says once the next block may begin.
STAYS = {"make ui": "next, in another shell", "make worker": " started!"}
# What is run in place of a line. Empty: nothing, for the reason beside it.
IN_PLACE = {
    "make deploy": 'make deploy NAMES="knowledge-base-quick rag-answers"',  # all of them take a minute or two
    ". .venv/bin/activate": 'export PATH="{bin}:$PATH"',  # the environment of the test is where it is
    ".venv/bin/pip install -c constraints.txt -e '.[cpu,postgres]'": "",  # nothing is installed by a test
    "sudo -u postgres createuser --pwprompt flows": "",  # the cluster of the test has the user, who owns it
    "sudo -u postgres createdb -O flows prefect": "{createdb} -O flows prefect",
    "sudo -u postgres createdb -O flows mlflow": "{createdb} -O flows mlflow",
    "cd deployments/compose": "cp -r deployments/compose ~/compose && cd ~/compose",  # it writes there
    "${EDITOR:-vi} .env": r"sed -i 's/=$/=word-of-a-test/' .env",
    "docker compose up --build --wait": "{compose} config --quiet",  # no Docker here builds or starts anything
}
# In any line: ports that are free, the password of the test's cluster, a schedule that is soon due.
WORDS = {
    "make ui": "make ui PREFECT_PORT={prefect} MLFLOW_PORT={mlflow}",
    "127.0.0.1:4200": "127.0.0.1:{prefect}",
    "127.0.0.1:5432": "127.0.0.1:{postgres}",
    "'the password of the user flows'": "{password}",
    "'0 3 * * *'": "'* * * * *'",
    "make ": "make -o .venv/installed ",  # which is not brought up to date by a test
}
QUICK = "'knowledge-base/knowledge-base-quick'"
KNOWN = {
    "make ui", "make worker", "umask 077", ". ~/servers.env", ". ~/runs.env", "cp .env.example .env",
    "export PREFECT_API_URL=http://127.0.0.1:4200/api",
    f"prefect deployment schedule create {QUICK} --cron '0 3 * * *' --timezone Europe/Berlin",
    f"prefect deployment run {QUICK} --watch",
    "prefect deployment run 'rag-answers/rag-answers' -p question=\"How do I add an edge to a graph?\" --watch",
    "python -m flows knowledge-base @quick",
    'python -m flows rag-answers question="How do I add an edge to a graph?"',
    *IN_PLACE,
}  # fmt: skip


def blocks(text: str) -> list[list[str]]:
    """Return the commands of each block of shell commands."""
    return [block.splitlines() for block in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def test_every_command_of_the_page_is_one_that_is_executed() -> None:
    lines = [line for block in blocks(PAGE) for line in block]
    told = {line for line in lines if line.startswith("echo ")}  # run as they stand
    assert {line for line in lines if line not in told} == KNOWN
    assert all(re.search(r">>? ~/(servers|runs)\.env$", line) for line in told)
    run = [block for name in (LAPTOP, SERVER, CONTAINERS) for block in blocks(SECTIONS[name])]
    assert run == blocks(PAGE)


class Follower:
    """Someone who follows the page: a clean home, and a clean shell for each block."""

    def __init__(self, home: Path, values: Mapping[str, str]) -> None:
        self.home, self.values = home, dict(values)
        self.said = ""

    def environment(self) -> dict[str, str]:
        """Return that of a shell in which nothing has been set."""
        plain = {"HOME": str(self.home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
        soon = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2", "PREFECT_WORKER_QUERY_SECONDS": "1"}
        return {**plain, **soon, "OMP_NUM_THREADS": "1"}

    def line(self, written: str) -> str:
        """Return a line of the page as it is run here."""
        line = IN_PLACE.get(written, written)
        for old, new in WORDS.items():
            line = line.replace(old, new)
        return re.sub(r"\{(\w+)\}", lambda found: self.values[found[1]], line)

    def follow(self, block: list[str], stay: "list[subprocess.Popen[bytes]]") -> None:
        """Run a block to its end, or until what stays says that it is ready."""
        last = block[-1]
        script = "set -e\n" + "\n".join(map(self.line, block))
        log = self.home / f"{len(stay)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", script], cwd=ROOT, env=self.environment(), stdout=file, stderr=file
            )
        stay.append(process)  # also what ends by itself: it may be cut short
        end = time.monotonic() + 400
        while process.poll() is None and (last not in STAYS or STAYS[last] not in log.read_text("utf-8", "replace")):
            assert time.monotonic() < end, log.read_text("utf-8", "replace")[-3_000:]
            time.sleep(0.3)
        said = log.read_text("utf-8", "replace")
        assert process.poll() is (None if last in STAYS else 0), f"{script}\n{said[-3_000:]}"
        self.said += said

    @contextmanager
    def following(self, section: str) -> Iterator[None]:
        """Follow the blocks of a section; what stays is ended with the context."""
        stay: list[subprocess.Popen[bytes]] = []
        try:
            for block in blocks(SECTIONS[section]):
                self.follow(block, stay)
            yield
        finally:
            for process in reversed(stay):
                started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
                for one in started:
                    one.terminate()
                psutil.wait_procs(started, timeout=20)
                for one in psutil.wait_procs(started, timeout=0)[1]:
                    one.kill()
                process.kill()
                process.wait()

    def scheduled(self, *more: str) -> str:
        """Wait for a run that a schedule started; return what was listed of it."""
        api = {"PREFECT_API_URL": f"http://127.0.0.1:{self.values['prefect']}/api"}
        environment = {**self.environment(), **api, **dict(word.split("=", 1) for word in more), "COLUMNS": "200"}
        code = (
            "from prefect.client.orchestration import get_client as g\n"
            "with g(sync_client=True) as c: print([r.state_name for r in c.read_flow_runs() if r.auto_scheduled])"
        )
        end = time.monotonic() + 240
        while "Completed" not in (said := self.python(code, environment)):
            assert time.monotonic() < end, said
            time.sleep(2)
        return said

    @staticmethod
    def python(code: str, environment: Mapping[str, str]) -> str:
        """Run a few lines of Python; return what they print."""
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def follower(home: Path, postgres: Postgres | None = None) -> Follower:
    """Return someone who follows, with free ports."""
    home.mkdir()
    values = {"prefect": str(free_port()), "mlflow": str(free_port()), "bin": str(Path(sys.executable).parent)}
    if postgres is not None:
        word = shlex.quote(PASSWORD)
        where = f"-h 127.0.0.1 -p {postgres.port} -U flows"
        values |= {
            "postgres": str(postgres.port),
            "password": word,
            "createdb": f"PGPASSWORD={word} {BINARIES}/createdb {where}",
        }
    return Follower(home, values)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_from_nothing_to_a_scheduled_run_on_a_laptop(tmp_path: Path) -> None:
    person = follower(tmp_path / "home")
    with person.following(LAPTOP):
        assert "Completed" in person.scheduled()
    assert person.said.count("Completed") >= 2  # the two runs that were watched


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_from_nothing_to_a_scheduled_run_on_a_server_with_passwords(tmp_path: Path) -> None:
    with cluster() as postgres:
        person = follower(tmp_path / "home", postgres)
        with person.following(SERVER):
            words = (person.home / "runs.env").read_text("utf-8")
            assert "Completed" in person.scheduled(re.findall(r"PREFECT_API_AUTH_STRING=\S+", words)[0])
        assert (person.home / "servers.env").stat().st_mode & 0o077 == 0
        assert (
            int(postgres.call("psql", "-At", "mlflow", "-c", "select count(*) from runs where status = 'FINISHED'"))
            >= 3
        )
        secrets = re.findall(
            r"(?:team:|PASSWORD=|KEY=)(\w{32,})", words + (person.home / "servers.env").read_text("utf-8")
        )
        assert len(set(secrets)) == 3
        assert not [secret for secret in secrets if secret in person.said]
    assert "untracked" not in person.said


@pytest.mark.long
def test_what_is_filled_in_for_containers_is_what_compose_asks_for(tmp_path: Path) -> None:
    if not compose():
        pytest.skip("Docker Compose 2 is not here (make compose fetches it)")
    person = follower(tmp_path / "home")
    person.values["compose"] = shlex.join(compose())
    with person.following(CONTAINERS):
        filled = (person.home / "compose" / ".env").read_text("utf-8")
    assert filled.count("word-of-a-test") == (COMPOSE / ".env.example").read_text("utf-8").count("=\n")
