"""compose.yaml: what it promises, that Compose takes it, and the processes it names, started without Docker."""

import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, build_opener

import psutil
import pytest

from tasks.launch.prefect_server import free_port
from tests.deployments.composed import COMPOSE, FILE, ROOT, compose, required, stated
from tests.postgres import BINARIES, PASSWORD, Postgres, cluster

SECRETS = {
    "POSTGRES_PASSWORD": PASSWORD,
    "PREFECT_SERVER_API_AUTH_STRING": "team:of-prefect",
    "MLFLOW_AUTH_ADMIN_PASSWORD": "of-mlflow-12345",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-the-forms",
}
SERVICES: dict[str, Any] = stated(SECRETS)["services"]
SERVER_NAMES = ("postgres", "prefect", "mlflow")


def test_every_password_is_asked_for_and_the_example_has_none() -> None:
    lines = (COMPOSE / ".env.example").read_text("utf-8").splitlines()
    assert required() == set(SECRETS) == {line[:-1] for line in lines if line.endswith("=")}
    assert not [line for line in lines if not line.startswith("#") and not line.endswith("=")]
    spelled = re.findall(r"(\w*(?:PASSWORD|AUTH_STRING|SECRET_KEY)): (.*)", FILE.read_text("utf-8"))
    assert len(spelled) >= 7
    assert not [name for name, value in spelled if not re.match(r"\$\{\w+:\?set \w+ in \.env, ", value)]
    for service in SERVICES.values():
        assert not [word for word in SECRETS.values() if word in json.dumps(service.get("command", ""))]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_and_reached_from_this_machine_alone(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z-]+:\d+\.\d[\w.-]*", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "healthcheck" in service or name == "deploy"
    for other, how in service.get("depends_on", {}).items():
        assert how["condition"] == ("service_completed_successfully" if other == "deploy" else "service_healthy")
    assert all(
        volume.partition(":")[0] in {"database", "workspace", "artifacts", "./databases.sql"}
        for volume in service["volumes"]
    )


def test_the_image_runs_as_nobody_special_with_the_versions_that_were_tested() -> None:
    lines = (COMPOSE / "Dockerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER flows"]
    assert all("-c constraints.txt" in line for line in lines if "pip install" in line)
    assert re.search(r"^FROM python:3\.\d+\.\d+-", "\n".join(lines), re.MULTILINE)
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    assert {path for path in copied if not (ROOT / path).exists()} == set()


def test_compose_takes_the_file_and_says_what_to_set() -> None:
    command = compose()
    if not command:
        pytest.skip("Docker Compose 2 is not here (make compose fetches it)")
    command = [*command, "-f", str(FILE), "--profile", "gpu", "config"]
    plain = {k: v for k, v in os.environ.items() if k not in SECRETS}
    found = subprocess.run(
        [*command, "--format", "json"], env={**plain, **SECRETS}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    read = json.loads(found.stdout)["services"]
    assert set(read) == set(SERVICES)
    for name, service in SERVICES.items():  # what the test below starts is what Compose would
        assert read[name].get("command") == service.get("command")
        assert read[name].get("environment") == service.get("environment")
    refused = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert re.search(r"required variable (\w+) is missing a value: set \1 in \.env, ", refused.stderr)


class Here:
    """The services as processes of this machine: other ports, and folders of a test in place of volumes."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("prefect", "mlflow", "worker")}
        (folder / "home").mkdir()
        self.swaps = [("/workspace", str(folder / "workspace")), ("/artifacts", str(folder / "artifacts"))]
        for name, inner in (("prefect", "4200"), ("mlflow", "5000")):
            self.swaps += [
                (f"{name}:{inner}", f"127.0.0.1:{self.ports[name]}"),
                (f"127.0.0.1:{inner}", f"127.0.0.1:{self.ports[name]}"),
            ]
        self.swaps += [("127.0.0.1:8080", f"127.0.0.1:{self.ports['worker']}"), ("0.0.0.0", "127.0.0.1")]  # noqa: S104
        self.whole = {"4200": self.ports["prefect"], "5000": self.ports["mlflow"], "8080": self.ports["worker"]}
        self.whole |= {"postgres": "127.0.0.1", "5432": postgres.port}

    def swap(self, text: str) -> str:
        """Return a word of the file as it is here."""
        for old, new in self.swaps:
            text = text.replace(old, new)
        return str(self.whole.get(text, text))

    def command(self, words: list[str]) -> list[str]:
        """Return a command as it is here."""
        known = {"python": [sys.executable], "mlflow": [sys.executable, "-m", "mlflow"], "psql": [f"{BINARIES}/psql"]}
        return [*known[words[0]], *map(self.swap, words[1:])]

    def environment(self, name: str) -> dict[str, str]:
        """Return that of a service: what the file says and nothing else."""
        plain = {
            "HOME": str(self.folder / "home"),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
        }
        return {**plain, **{k: self.swap(str(v)) for k, v in SERVICES[name]["environment"].items()}}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Run a service until the context ends; it begins once its own health check says so."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self.command(SERVICES[name]["command"]), cwd=ROOT, env=self.environment(name), stdout=log, stderr=log
            )
        try:
            self.until_healthy(name, process)
            yield
        finally:
            for one in (*psutil.Process(process.pid).children(recursive=True), process):
                one.kill()
            process.wait()

    def until_healthy(self, name: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
        """Wait as long as Compose would."""
        check = SERVICES[name]["healthcheck"]
        kind, *words = check["test"]
        assert kind == "CMD"
        end = time.monotonic() + check["retries"] * int(check["interval"].rstrip("s"))
        while subprocess.run(
            self.command(words), env=self.environment(name), capture_output=True, check=False
        ).returncode:
            assert process is None or process.poll() is None, (self.folder / f"{name}.log").read_text()[-3_000:]
            assert time.monotonic() < end, f"{name} is not healthy"
            time.sleep(1)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_processes_it_names_run_a_flow_without_docker(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("composed")
    (folder / "notes").mkdir()
    (folder / "notes" / "bakery.txt").write_text(
        "Bread is baked at four in the morning. Rye needs a sour starter.", "utf-8"
    )
    (folder / "notes" / "tide.txt").write_text(
        "Ships wait outside for the tide. The pilot boards at the buoy.", "utf-8"
    )
    with cluster() as postgres, ExitStack() as stack:
        here = Here(folder, postgres)
        postgres.call("createdb", SERVICES["postgres"]["environment"]["POSTGRES_DB"])
        postgres.call("psql", "-f", str(COMPOSE / "databases.sql"), "postgres")
        here.until_healthy("postgres")
        for name in ("prefect", "mlflow"):
            stack.enter_context(here.running(name))
        deploy = here.command(SERVICES["deploy"]["command"])
        chosen = [*deploy, "knowledge-base", "rag-answers"]  # all take a minute or two
        done = subprocess.run(
            chosen, cwd=ROOT, env=here.environment("deploy"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        stack.enter_context(here.running("worker"))
        source = {"kind": "files", "path": str(folder / "notes")}
        config = {"topics": None, "embed": {"precision": "fp32"}}
        asked = [f"source={json.dumps(source)}", "collection=notes", f"config={json.dumps(config)}"]
        launched(here, "knowledge-base/knowledge-base", asked)
        launched(here, "rag-answers/rag-answers", ['question="When is bread baked?"', "collection=notes"])
        run, page = logged(here)
    assert run["info"]["status"] == "FINISHED"
    assert "four in the morning" in page


def launched(here: Here, deployment: str, parameters: list[str]) -> None:
    """Launch a run and wait for its end, with what a worker's environment has."""
    words = [word for parameter in parameters for word in ("-p", parameter)]
    command = [sys.executable, "-m", "prefect", "deployment", "run", deployment, *words, "--watch"]
    done = subprocess.run(
        command, cwd=ROOT, env=here.environment("worker"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr + (here.folder / "worker.log").read_text()[-3_000:]


def logged(here: Here) -> tuple[dict[str, Any], str]:
    """Return the newest run of rag-answers, as MLflow's server has it, and its page."""
    url, token = (
        f"http://127.0.0.1:{here.ports['mlflow']}",
        b64encode(f"admin:{SECRETS['MLFLOW_AUTH_ADMIN_PASSWORD']}".encode()).decode(),
    )

    def ask(path: str, **body: Any) -> bytes:
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        request = Request(url + path, json.dumps(body).encode() if body else None, headers)  # noqa: S310
        with build_opener().open(request, timeout=30) as answer:
            return bytes(answer.read())

    found = json.loads(ask("/api/2.0/mlflow/experiments/get-by-name?experiment_name=rag-answers"))["experiment"]
    wanted = {"experiment_ids": [found["experiment_id"]], "max_results": 1}
    run = json.loads(ask("/api/2.0/mlflow/runs/search", **wanted))["runs"][0]
    return run, ask(f"/get-artifact?path=report/index.html&run_uuid={run['info']['run_id']}").decode()
