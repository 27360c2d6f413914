"""Prefect and MLflow on PostgreSQL with passwords, by `make ui`: a flow end to end, and who is refused."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.launch.prefect_server import free_port
from tests.postgres import PASSWORD, Postgres, cluster

ROOT = Path(__file__).parents[2]
AUTH, ADMIN, KEY = "team:prefect-word-1", "mlflow-word-12", "key-of-the-forms"
WRONG = "no-such-word-1"
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
SERVER = {
    "PREFECT_SERVER_API_AUTH_STRING": AUTH,
    "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN,
    "MLFLOW_FLASK_SERVER_SECRET_KEY": KEY,
}
CLIENT = {"PREFECT_API_AUTH_STRING": AUTH, "MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": ADMIN}


class Shell:
    """Shells of a person on the machine of the servers, and what was printed in them."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.folder, self.postgres = folder, postgres
        self.ports = [str(free_port()), str(free_port())]
        (folder / "home").mkdir()

    def environment(self, **more: str) -> dict[str, str]:
        """Return that of a plain shell over the workspace."""
        plain = {"HOME": str(self.folder / "home"), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return {**plain, "LLM_FLOWS_HOME": str(self.folder / "workspace"), "OMP_NUM_THREADS": "1", **more}

    def databases(self, **more: str) -> dict[str, str]:
        """Return what `make ui` is given."""
        return {
            **SERVER,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.postgres.url("prefect", kind="postgresql+asyncpg"),
            "MLFLOW_BACKEND_STORE_URI": self.postgres.url("mlflow"),
            **more,
        }

    def run(self, *words: str, **more: str) -> tuple[int, str, str]:
        """Run a module to its end; return its status and what it printed."""
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(**more), capture_output=True, text=True, timeout=400, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def ui(self, **more: str) -> tuple[int, str, str]:
        """Call `make ui`, which is to end by itself."""
        return self.run("deployments.ui", "--prefect-port", self.ports[0], "--mlflow-port", self.ports[1], **more)

    @contextmanager
    def started(self, log: str, *words: str, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a module that stays until the context ends."""
        with (self.folder / log).open("wb") as file:
            command = [sys.executable, "-m", *words]
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(**more), stdout=file, stderr=subprocess.STDOUT
            )
        try:
            yield process
        finally:
            left = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                for one in (*left, process):
                    one.kill()

    def said(self, log: str, words: str, wait_s: float = 200) -> str:
        """Wait until a process that stays has said something; return all it said."""
        end = time.monotonic() + wait_s
        while words not in (text := (self.folder / log).read_text("utf-8")):
            assert time.monotonic() < end, text[-3_000:]
            time.sleep(0.2)
        return text


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Return a shell beside a PostgreSQL with two empty databases."""
    with cluster() as postgres:
        for name in ("prefect", "mlflow"):
            postgres.call("createdb", name)
        yield Shell(tmp_path_factory.mktemp("shell"), postgres)


@pytest.fixture(scope="module")
def servers(shell: Shell) -> Iterator[Shell]:
    """Run `make ui` on it, with passwords."""
    ports = ["--prefect-port", shell.ports[0], "--mlflow-port", shell.ports[1]]
    with shell.started("ui.log", "deployments.ui", *ports, **shell.databases()):
        shell.said("ui.log", "next, in another shell")
        yield shell


def refused(answer: tuple[int, str, str], said: str) -> None:
    """Make sure that a call ended with one line that says it, and no password."""
    status, out, err = answer
    assert (status, out) == (2, ""), out + err
    assert err.count("\n") == 1, err
    assert said in err
    assert not [word for word in (PASSWORD, AUTH, ADMIN, KEY, WRONG) if word in err]


def test_a_database_that_refuses_is_one_line(shell: Shell) -> None:
    postgres, prefect, mlflow = shell.postgres, "PREFECT_SERVER_DATABASE_CONNECTION_URL", "MLFLOW_BACKEND_STORE_URI"
    for name, database, kind in ((prefect, "prefect", "postgresql+asyncpg"), (mlflow, "mlflow", "postgresql")):
        wrong = postgres.url(database, kind=kind, password=WRONG)
        refused(
            shell.ui(**shell.databases(**{name: wrong})),
            f"refuses this password of user 'flows'; correct it in {name}",
        )
        bare = re.sub(r":[^:]*@", "@", postgres.url(database, kind=kind))
        refused(shell.ui(**shell.databases(**{name: bare})), "asks for the password of user 'flows'")
        refused(
            shell.ui(**shell.databases(**{name: postgres.url("nowhere", kind=kind)})),
            "has no database 'nowhere'; createdb",
        )
        down = postgres.url(database, kind=kind, port=free_port())
        refused(shell.ui(**shell.databases(**{name: down})), "cannot be reached; start it, or correct " + name)


@pytest.fixture(scope="module")
def built(servers: Shell) -> dict[str, Any]:
    """Build a collection from the command line; return its JSON line."""
    notes = servers.folder / "notes"
    notes.mkdir()
    (notes / "bakery.txt").write_text("Bread is baked at four in the morning. Rye needs a sour starter.", "utf-8")
    (notes / "harbour.txt").write_text("Ships wait outside for the tide. The pilot boards at the buoy.", "utf-8")
    words = ["source.kind=files", f"source.path={notes}", "topics=null", "embed.precision=fp32"]
    status, out, err = servers.run("flows", "knowledge-base", *words, **CLIENT)
    assert status == 0, err
    assert "untracked" not in err
    return dict(json.loads(out.splitlines()[-1]))


def mlflow_of(shell: Shell, path: str, method: str = "GET", **body: Any) -> Any:
    """Ask MLflow's server with the password."""
    token = b64encode(f"admin:{ADMIN}".encode()).decode()
    data = json.dumps(body).encode() if body else None
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{shell.ports[1]}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return answer.read()


def test_a_run_is_in_postgresql_with_its_page_and_its_trace(servers: Shell, built: dict[str, Any]) -> None:
    status, out, err = servers.run(
        "flows",
        "rag-answers",
        "question=When is bread baked?",
        f"collection={built['result']['collection']}",
        **CLIENT,
    )
    assert status == 0, err
    answer = json.loads(out.splitlines()[-1])
    assert "four in the morning" in answer["result"]["text"]
    run = json.loads(mlflow_of(servers, f"/api/2.0/mlflow/runs/get?run_id={answer['mlflow_run_id']}"))["run"]
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["artifact_uri"].startswith("mlflow-artifacts:/")
    page = mlflow_of(servers, f"/get-artifact?path=report/index.html&run_uuid={answer['mlflow_run_id']}")
    assert b"When is bread baked?" in page
    experiment = run["info"]["experiment_id"]
    traces = servers.postgres.call("psql", "-At", "mlflow", "-c", "select experiment_id from trace_info").split()
    assert traces.count(experiment) == 1
    assert not (servers.folder / "workspace" / "mlflow" / "mlflow.db").exists()
    assert not list((servers.folder / "workspace").rglob("prefect.db"))


def test_a_worker_takes_its_passwords_from_its_environment_and_none_is_kept(
    servers: Shell, built: dict[str, Any]
) -> None:
    status, out, err = servers.run("deployments.deploy", "rag-answers", **CLIENT)
    assert status == 0, err
    api = {"PREFECT_API_URL": f"http://127.0.0.1:{servers.ports[0]}/api", **CLIENT}
    with servers.started("worker.log", "deployments.worker", PREFECT_WORKER_QUERY_SECONDS="1", **CLIENT) as worker:
        asked = ["-p", 'question="Where does the pilot board?"', "-p", f'collection="{built["result"]["collection"]}"']
        status, out, err = servers.run(
            "prefect", "deployment", "run", "rag-answers/rag-answers", *asked, "--watch", **api
        )
        assert status == 0, out + err
        arguments = [" ".join(p.cmdline()) for p in psutil.process_iter() if p.is_running()]
        assert worker.poll() is None
    kept = [servers.postgres.call("pg_dump", name) for name in ("prefect", "mlflow")]
    kept += [(servers.folder / log).read_text("utf-8") for log in ("ui.log", "worker.log")]
    files = [path for path in (servers.folder / "workspace").rglob("*") if path.is_file()]
    kept += [path.read_bytes().decode("utf-8", "replace") for path in files]
    assert "Where does the pilot board?" in kept[0]
    for word in (AUTH, ADMIN, KEY, PASSWORD):
        assert not [text[:200] for text in [*kept, *arguments] if word in text]
    rows = servers.postgres.call("psql", "-At", "mlflow", "-c", "select count(*) from runs where status = 'FINISHED'")
    assert int(rows) >= 2


def test_who_has_no_password_or_a_wrong_one_is_refused_in_one_line(servers: Shell) -> None:
    answers = ["flows", "rag-answers", "question=Where?"]
    api = f"the Prefect server at http://127.0.0.1:{servers.ports[0]}/api "
    for words in (answers, ["deployments.deploy", "rag-answers"], ["deployments.worker"]):
        for word, said in ((WRONG, "refuses PREFECT_API_AUTH_STRING"), ("", "asks for a password")):
            refused(servers.run(*words, **{**CLIENT, "PREFECT_API_AUTH_STRING": word}), api + said)
    for words in (answers, ["deployments.worker"]):
        for word in (WRONG, ""):
            said = f"MLflow at http://127.0.0.1:{servers.ports[1]} refuses the name or password; set MLFLOW_TRACKING"
            refused(servers.run(*words, **{**CLIENT, "MLFLOW_TRACKING_PASSWORD": word}), said)
    holds = f"http://admin:{ADMIN}@127.0.0.1:{servers.ports[1]}"
    refused(
        servers.run(*answers, **{**CLIENT, "MLFLOW_TRACKING_URI": holds}),
        "MLFLOW_TRACKING_URI holds a user or a password",
    )
    refused(
        servers.run("deployments.deploy", "rag-answers", **{**CLIENT, "MLFLOW_TRACKING_URI": holds}),
        "would store it in clear",
    )


def test_a_password_that_changes_while_a_run_goes_on_is_one_warning(servers: Shell) -> None:
    code = (
        "import logging; logging.basicConfig(); from tasks.runtime import mlflow_run as m; "
        "r = m.MlflowRun(); r.open('rag-answers', '', {}); print(r.unreachable)"
    )
    wrong = {
        **CLIENT,
        "MLFLOW_TRACKING_PASSWORD": WRONG,
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{servers.ports[1]}",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=servers.environment(**wrong),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"
    assert done.stderr.count("refuses the name or password; set MLFLOW_TRACKING_USERNAME") == 1
    assert "this run continues untracked" in done.stderr


def test_another_password_for_a_user_that_is_there_is_refused(shell: Shell, servers: Shell) -> None:
    other = Shell(shell.folder / "other", shell.postgres) if (shell.folder / "other").mkdir() is None else shell
    said = other.ui(**other.databases(MLFLOW_AUTH_ADMIN_PASSWORD=WRONG))
    assert said[0] == 2
    assert said[2].strip().splitlines()[-1].startswith("MLflow has another password for 'admin'")
    shutil.rmtree(shell.folder / "other")
