"""How the server is chosen; starting one is tested with the flows."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tasks.errors import ContractError, RemoteError
from tasks.launch import prefect_server
from tasks.store import durable

PROFILES = """
active = "one"
[profiles.one]
PREFECT_API_URL = "http://one/api"
[profiles.two]
PREFECT_API_URL = "http://two/api"
[profiles.bare]
"""


@pytest.fixture(autouse=True)
def environment(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Prefect unconfigured, and put back whatever a test sets."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    monkeypatch.setattr(os, "environ", plain)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """Return the profiles file of a home of Prefect."""
    path = tmp_path / ".prefect" / "profiles.toml"
    path.parent.mkdir()
    path.write_text(PROFILES, "utf-8")
    return path


@pytest.fixture
def speak() -> Iterator[object]:
    """Return a function that makes a server that answers every call with the same bytes; it returns its address."""
    listeners: list[socket.socket] = []

    def serve(answer: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer_all() -> None:
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(4096)
                    caller.sendall(answer)

        threading.Thread(target=answer_all, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/api"

    yield serve
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ntrue"


@pytest.mark.slow
def test_the_active_profile_counts(profiles: Path) -> None:
    assert prefect_server.profile_url() == "http://one/api"


@pytest.mark.slow
def test_the_environment_names_another_profile_home_or_file(
    profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "PREFECT_PROFILE", "two")
    assert prefect_server.profile_url() == "http://two/api"
    monkeypatch.setitem(os.environ, "PREFECT_HOME", str(tmp_path / "elsewhere"))
    assert prefect_server.profile_url() is None
    monkeypatch.setitem(os.environ, "PREFECT_PROFILES_PATH", str(profiles))
    assert prefect_server.profile_url() == "http://two/api"


@pytest.mark.parametrize("name", ["bare", "unknown"])
def test_a_profile_without_an_address_says_nothing(name: str, profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PREFECT_PROFILE", name)
    assert prefect_server.profile_url() is None


@pytest.mark.parametrize("content", [b"active = ", b"\xff\xfe", b""], ids=["half written", "no text", "empty"])
def test_a_profiles_file_that_cannot_be_read_says_nothing(content: bytes, profiles: Path) -> None:
    profiles.write_bytes(content)
    assert prefect_server.profile_url() is None


def test_a_server_that_answers_is_healthy(speak: object) -> None:
    assert prefect_server.healthy(speak(OK))  # type: ignore[operator]


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9\r\n", b"", b"HTTP/1.1 500 Oops\r\n\r\n", b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n"],
    ids=["another protocol", "hangs up", "error", "no content"],
)
def test_a_server_that_answers_otherwise_is_not_healthy(answer: bytes, speak: object) -> None:
    assert not prefect_server.healthy(speak(answer))  # type: ignore[operator]


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/api", "file:///etc/passwd", "http://[bad", "http://a b/api", "http://127.0.0.1:x/api"]
)
def test_what_is_no_address_is_not_healthy(url: str) -> None:
    assert not prefect_server.healthy(url)


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", prefect_server.free_port())) as listener:
        assert listener.getsockname()[1] > 0


def test_a_noted_server_counts_while_it_answers(workspace: Path, speak: object) -> None:
    url = speak(OK)  # type: ignore[operator]
    durable.write_json(workspace / prefect_server.NOTE, {"prefect": url})
    assert prefect_server.noted() == url


@pytest.mark.parametrize("address", ["", "gone"])
def test_a_noted_server_that_does_not_answer_is_passed_over(address: str, workspace: Path) -> None:
    url = f"http://127.0.0.1:{prefect_server.free_port()}/api" if address else ""
    durable.write_json(workspace / prefect_server.NOTE, {"prefect": url})
    assert prefect_server.noted() is None


def test_a_damaged_note_is_passed_over(workspace: Path) -> None:
    assert prefect_server.noted() is None
    workspace.mkdir(exist_ok=True)
    (workspace / prefect_server.NOTE).write_text("{", "utf-8")
    assert prefect_server.noted() is None


def test_the_environment_goes_before_the_profile_and_the_profile_before_the_note(
    profiles: Path, workspace: Path, speak: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable.write_json(workspace / prefect_server.NOTE, {"prefect": speak(OK)})  # type: ignore[operator]
    assert prefect_server.choose() == prefect_server.PrefectServer("http://one/api", "profile")
    monkeypatch.setitem(os.environ, "PREFECT_API_URL", "http://mine/api")
    assert prefect_server.choose() == prefect_server.PrefectServer("http://mine/api", "environment")


def test_a_noted_server_is_put_into_the_environment_of_prefect(workspace: Path, speak: object) -> None:
    url = speak(OK)  # type: ignore[operator]
    durable.write_json(workspace / prefect_server.NOTE, {"prefect": url})
    assert prefect_server.choose() == prefect_server.PrefectServer(url, "noted")
    assert os.environ["PREFECT_API_URL"] == url
    assert os.environ["PREFECT_HOME"] == str(workspace / "prefect")


def test_a_server_that_answers_is_waited_for_no_longer(speak: object) -> None:
    found = prefect_server.PrefectServer(speak(OK), "noted")  # type: ignore[operator]
    found.wait()
    assert found.seconds < 3


def test_a_temporary_server_that_ended_is_not_waited_for(workspace: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    found = prefect_server.PrefectServer(f"http://127.0.0.1:{prefect_server.free_port()}/api", "temporary", process)
    with pytest.raises(RemoteError, match=r"does not answer; what it said stands in .*temporary-server\.log"):
        found.wait()


@pytest.mark.long
@pytest.mark.slow
def test_what_a_temporary_server_says_goes_to_a_file_and_not_to_the_console(
    workspace: Path, prefect_tables: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(prefect_tables, workspace / "prefect")  # it would make them first
    monkeypatch.setitem(os.environ, "PREFECT_HOME", str(workspace / "prefect"))
    process = prefect_server._spawn(-1)  # no port: it ends with a traceback
    process.wait()
    assert capfd.readouterr() == ("", "")
    assert "port" in (workspace / "prefect" / prefect_server.SERVER_LOG).read_text("utf-8")


def test_stopping_ends_the_process_of_a_temporary_server_and_leaves_any_other_alone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    prefect_server.PrefectServer("http://x", "environment").stop()
    assert process.poll() is None
    prefect_server.PrefectServer("http://x", "temporary", process).stop()
    assert process.returncode is not None
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize(("kind", "said"), [("environment", True), ("profile", False), ("noted", False)])
def test_a_message_never_tells_to_unset_what_is_not_set(kind: str, said: bool) -> None:
    found = prefect_server.PrefectServer(f"http://127.0.0.1:{prefect_server.free_port()}/api", kind)
    assert ("unset PREFECT_API_URL" in found._way_out()) is said


def test_a_proxy_is_not_asked_for_what_runs_on_this_machine(speak: object, monkeypatch: pytest.MonkeyPatch) -> None:
    url = speak(OK)  # type: ignore[operator]
    monkeypatch.setitem(os.environ, "HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setitem(os.environ, "NO_PROXY", "example.org, localhost")
    assert prefect_server.healthy(url)
    prefect_server.bypass_proxies()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.org,localhost,127.0.0.1,::1"
    assert urllib.request.proxy_bypass("127.0.0.1:4200")
    assert not urllib.request.proxy_bypass("example.com")
    with httpx.Client() as client:  # takes its proxies from the environment, as those of Prefect do
        assert client.get(f"{url}/health").status_code == httpx.codes.OK


@pytest.mark.parametrize(("proxy", "stated", "left"), [("", None, None), ("http://p:1", "*", "*")])
def test_the_environment_stays_where_no_proxy_is_set_or_none_is_used(
    proxy: str, stated: str | None, left: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*prefect_server.PROXIES, "no_proxy"):
        monkeypatch.delitem(os.environ, name, raising=False)
        monkeypatch.delitem(os.environ, name.upper(), raising=False)
    monkeypatch.setitem(os.environ, "https_proxy", proxy)
    if stated is not None:
        monkeypatch.setitem(os.environ, "NO_PROXY", stated)
    prefect_server.bypass_proxies()
    assert os.environ.get("no_proxy") == left


def test_parameters_that_a_server_would_not_store_are_one_line_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(prefect_server.MOST_PARAMETERS, raising=False)
    large = '"' + "x" * 600_000 + '"'
    for kind in ("environment", "profile"):
        prefect_server.require_small('"x"', kind)
        with pytest.raises(
            ContractError, match="have 600,002 bytes and the Prefect server stores 524,288; give fewer"
        ):
            prefect_server.require_small(large, kind)
    for kind in ("temporary", "noted"):  # ours, which store more
        prefect_server.require_small(large, kind)
    monkeypatch.setenv(prefect_server.MOST_PARAMETERS, "0")  # no limit, as Prefect reads it
    prefect_server.require_small(large, "environment")


@pytest.mark.flow
@pytest.mark.long
def test_a_call_of_more_than_prefects_limit_runs_on_our_own_server(tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps([f"Line {n} about roads and graphs. " * 20 for n in range(1_000)]), "utf-8")  # 0.6 MB
    environment = {**os.environ, "LLM_FLOWS_HOME": str(tmp_path / "home")}
    environment.pop("PREFECT_API_URL", None)
    command = [sys.executable, "-m", "flows", "tokenizer-report", f"text=@{texts}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "Completed"
