"""Servers that ask for passwords, asked before a run starts; real ones are tested with PostgreSQL."""

import base64
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tasks.errors import ContractError, RemoteError
from tasks.launch import access, prefect_server
from tasks.store import durable

WORD = "team:a-word"


@pytest.fixture(autouse=True)
def environment(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave both tools unconfigured, and put back whatever a test sets."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    monkeypatch.setattr(os, "environ", plain)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


@pytest.fixture
def guarded() -> Iterator[str]:
    """Run a server that lets in who has the word; return its address."""
    expected = f"Basic {base64.b64encode(WORD.encode()).decode()}"

    class Guard(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Authorization"] == expected else 401)
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Guard)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_word_of_prefect_counts_from_the_environment_and_from_the_profile(guarded: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=f"{guarded} asks for a password; set PREFECT_API_AUTH_STRING"):
        access.require_prefect(guarded)
    os.environ["PREFECT_API_AUTH_STRING"] = "team:another"
    with pytest.raises(RemoteError, match="refuses PREFECT_API_AUTH_STRING; set") as refused:
        access.require_prefect(guarded)
    assert "another" not in str(refused.value)
    os.environ["PREFECT_API_AUTH_STRING"] = WORD
    access.require_prefect(guarded)
    del os.environ["PREFECT_API_AUTH_STRING"]
    (tmp_path / ".prefect").mkdir()
    profile = f'active = "p"\n[profiles.p]\nPREFECT_API_AUTH_STRING = "{WORD}"\n'
    (tmp_path / ".prefect" / "profiles.toml").write_text(profile, "utf-8")
    access.require_prefect(guarded)


def test_a_key_that_a_server_refuses_is_named(guarded: str) -> None:
    os.environ["PREFECT_API_KEY"] = "pnu_123"
    with pytest.raises(RemoteError, match="refuses PREFECT_API_KEY; "):
        access.require_prefect(guarded)


def test_a_server_that_is_down_is_no_matter_of_passwords() -> None:
    os.environ["MLFLOW_TRACKING_URI"] = url = f"http://127.0.0.1:{prefect_server.free_port()}"
    access.require_prefect(url)
    access.require_mlflow()


def test_mlflow_is_asked_by_its_own_variables(guarded: str) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = guarded
    with pytest.raises(RemoteError, match=f"MLflow at {guarded} asks for a name and a password; set MLFLOW_TRACKING_"):
        access.require_mlflow()
    os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = "team", "a guess"
    with pytest.raises(RemoteError, match=f"MLflow at {guarded} refuses the name or password; set MLFLOW_TRACKING_"):
        access.require_mlflow()
    os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = WORD.split(":")
    access.require_mlflow()


def test_an_address_of_mlflow_with_a_password_in_it_is_refused() -> None:
    os.environ["MLFLOW_TRACKING_URI"] = "http://team:a-word@127.0.0.1:5000"
    with pytest.raises(ContractError, match="holds a user or a password") as refused:
        access.require_mlflow()
    assert "a-word" not in str(refused.value)


def test_the_mlflow_of_make_ui_is_used_where_it_keeps_runs_elsewhere(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noted = {"prefect": "http://p/api", "mlflow": "http://m", "process": os.getpid()}
    durable.write_json(workspace / prefect_server.NOTE, noted)
    access.adopt_mlflow()
    assert "MLFLOW_TRACKING_URI" not in os.environ  # its tables are those of the workspace
    noted[prefect_server.TRACKING] = "http://m"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    durable.write_json(workspace / prefect_server.NOTE, {**noted, "process": gone.pid})
    with caplog.at_level(logging.WARNING, logger="tasks"):
        access.adopt_mlflow()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert "was killed; its MLflow at http://m kept runs elsewhere" in caplog.text
    durable.write_json(workspace / prefect_server.NOTE, noted)
    access.adopt_mlflow()
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://m"
    os.environ["MLFLOW_TRACKING_URI"] = "http://mine"
    access.adopt_mlflow()
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://mine"
