"""What `make ui` refuses before it starts anything, and how it looks after its servers."""

import os
import sys
import time
from pathlib import Path

import pytest

from deployments import databases, passwords, supervise, ui
from tasks.errors import ContractError, FlowError, MissingExtra, RemoteError
from tasks.launch.prefect_server import free_port
from tasks.store import durable, workspace

SECRET = "so-secret-indeed"  # noqa: S105
LISTEN = (
    "import http.server as h, sys; "
    "h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()"
)


@pytest.fixture(autouse=True)
def plain(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the servers unconfigured."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "PG"))}
    monkeypatch.setattr(os, "environ", kept)


def server(code: str, *words: str, port: int = 0) -> supervise.KeptServer:
    """Return a small server, run by a line of Python."""
    url = f"http://127.0.0.1:{port or free_port()}"
    return supervise.KeptServer("Thing", url, url, [sys.executable, "-c", code, *words], dict(os.environ))


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["--prefect-host", "0.0.0.0"], "set PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD"),  # noqa: S104
        (["--mlflow-host", "192.0.2.7"], "set MLFLOW_AUTH_ADMIN_PASSWORD and MLFLOW_FLASK_SERVER_SECRET_KEY"),
        (["--prefect-host", "::"], "set PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD"),
    ],
)
def test_a_host_that_others_reach_is_refused_without_a_password(
    words: list[str], needed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ui.main([*words, *([] if "--prefect-port" in words else ["--prefect-port", str(free_port())])]) == 2
    said = capsys.readouterr().err
    assert needed in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.0.0.2", True),
        ("::", False),
        ("10.0.0.3", False),
        ("example.org", False),
    ],
)
def test_what_is_loopback(host: str, inside: bool) -> None:
    assert ui.Listener("PREFECT", host, 1).is_loopback is inside


def test_a_port_that_is_taken_is_said_with_its_holder() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            ContractError,
            match=rf"port {port} of 127.0.0.1 is taken by process {os.getpid()} .*MLFLOW_PORT={port + 1}",
        ):
            ui._require_free(ui.Listener("MLFLOW", "127.0.0.1", port))


@pytest.mark.parametrize("ports", [("0", "5000"), ("4200", "65536"), ("4200", "4200")])
def test_ports_that_are_none_or_the_same_are_one_line(
    ports: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ui.main(["--prefect-port", ports[0], "--mlflow-port", ports[1]]) == 2
    assert capsys.readouterr().err == (
        f"PREFECT_PORT={ports[0]} MLFLOW_PORT={ports[1]}: two different numbers from 1 to 65535 were needed\n"
    )


@pytest.mark.parametrize(("asked", "status"), [(0, 1), (1, 2)], ids=["the same, silent", "another port"])
def test_a_second_call_says_what_runs(asked: int, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    ports = free_port(), free_port()
    noted = {"prefect": f"http://127.0.0.1:{ports[0]}/api", "mlflow": f"http://127.0.0.1:{ports[1]}", "process": 4711}
    durable.write_json(workspace.home() / workspace.SERVERS, noted)
    with workspace.lock("ui"):
        assert ui.main(["--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1] + asked)]) == status
    said = capsys.readouterr()
    more = "" if asked else "Prefect and MLflow: starting, or given up, as the console of that make ui says\n"
    assert said.out == (
        f"make ui runs already over the workspace {workspace.home()}, process 4711: "
        f"Prefect http://127.0.0.1:{ports[0]} (does not answer)   "
        f"MLflow http://127.0.0.1:{ports[1]} (does not answer)\n{more}"
    )
    assert ("not started: MLflow at" in said.err) is bool(asked)


def looked_after(one: supervise.KeptServer, words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Look after a server until that is said; return all that was."""
    said, end = "", time.monotonic() + 20
    while words not in said:
        assert time.monotonic() < end, said
        one.look()
        said += capsys.readouterr().err
        time.sleep(0.05)
    return said


def test_a_server_that_dies_is_said_and_started_again_three_times(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervise, "WAITS_S", (0.0, 0.0, 0.0))
    one = server("import sys; print('no room'); sys.exit(7)")
    one.start()
    said = looked_after(one, "is given up", capsys)
    assert said.count("Thing has ended: exit status 7; its last lines:\n    no room\n") == 4
    assert [f"try {n} of 3" in said for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert supervise.watch([one]) == 1


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no process groups here")
def test_what_a_dead_server_has_started_does_not_keep_its_port(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervise, "WAITS_S", (0.0,))
    port = free_port()
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LISTEN!r}, *sys.argv[1:]])"
    one = server(parent, str(port), port=port)
    one.start()
    try:
        one.wait(30)
        first = one.process
        assert first is not None
        first.kill()
        said = looked_after(one, "answers again", capsys)
        assert "killed by SIGKILL" in said
        assert one.process is not first
        assert one.process is not None
        assert one.process.poll() is None
    finally:
        one.end()
        one.reap()
    assert not one._answers()


def test_a_server_that_never_started_is_not_tried_again() -> None:
    one = server("raise SystemExit('its table is gone')")
    one.start()
    with pytest.raises(
        RemoteError, match=r"Thing has not started: exit status 1; its last lines:\n    its table is gone"
    ):
        one.wait(20)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        (databases.PREFECT, f"postgresql://u:{SECRET}@h/d", r"begin with postgresql\+asyncpg:// or"),
        (databases.MLFLOW, f"mysql://u:{SECRET}@h/d", "begin with postgresql://"),
        (databases.MLFLOW, f"postgresql://u:{SECRET}@h:port/d", "is not an address of a database"),
        (databases.MLFLOW, f"postgresql://u:p@{SECRET}@h/d", "USER:PASSWORD@HOST:PORT/DATABASE; write @ : / %"),
        (databases.MLFLOW, f"postgresql://u:{SECRET}@h", "USER:PASSWORD@HOST:PORT/DATABASE"),
        (
            databases.MLFLOW,
            f"postgresql://u:{SECRET}@127.0.0.1:1/d",
            "cannot be reached; start it, or correct MLFLOW_B",
        ),
        (databases.PREFECT, f"postgresql+asyncpg://u:{SECRET}@127.0.0.1:1/d", "127.0.0.1:1 cannot be reached"),
        (databases.PREFECT, SECRET, "is not an address of a database"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_without_its_password(name: str, given: str, said: str) -> None:
    with pytest.raises(FlowError, match=said) as refused:
        databases.prepare(name, {name: given})
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_driver_that_is_not_here_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtra, match=r"needs the driver psycopg2, which is not here; pip install 'llm-flows\[postgres\]'"
    ):
        databases.prepare(databases.MLFLOW, {databases.MLFLOW: "postgresql://u@h/d"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({passwords.MLFLOW: "short"}, "12 letters or more"),
        ({passwords.MLFLOW: passwords.OLD_DEFAULT, passwords.KEY: "k"}, "must not be MLflow's old default"),
        ({passwords.MLFLOW: SECRET}, "needs MLFLOW_FLASK_SERVER_SECRET_KEY beside it"),
    ],
)
def test_a_password_that_mlflow_would_not_take_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(ContractError, match=said) as refused:
        passwords.protect_mlflow(given)
    assert SECRET not in str(refused.value)


def test_mlflow_asks_for_passwords_only_where_one_is_set_and_none_is_written_down(workspace: Path) -> None:
    assert not passwords.protect_mlflow({})
    environment = {passwords.MLFLOW: SECRET, passwords.KEY: "kkkk", databases.MLFLOW: "postgresql://u@h/d%25"}
    assert passwords.protect_mlflow(environment)
    written = Path(environment[passwords.INI]).read_text("utf-8")
    assert "database_uri = postgresql://u@h/d%%25" in written
    assert not [word for word in (SECRET, "kkkk", "admin_password") if word in written]


def test_no_command_line_of_a_server_has_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_try", lambda *given: None)
    os.environ.update(
        {databases.MLFLOW: f"postgresql://u:{SECRET}@h/d", "PREFECT_SERVER_API_AUTH_STRING": f"team:{SECRET}"}
    )
    os.environ[databases.PREFECT] = f"postgresql+asyncpg://u:{SECRET}@h/p"
    first, _ = ui._prefect(ui.Listener("PREFECT", "127.0.0.1", 1))
    second, url = ui._mlflow(ui.Listener("MLFLOW", "127.0.0.1", 2))
    assert str(url) == second.environment[databases.MLFLOW] == "postgresql://u@h/d"
    assert first.environment[databases.PASSWORD] == second.environment[databases.PASSWORD] == SECRET
    assert SECRET not in " ".join([*first.command, *second.command])
    assert passwords.PREFECT not in second.environment


def test_one_database_for_both_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_try", lambda *given: None)
    urls = [
        databases.prepare(n, {n: f"{kind}://u@h:5432/d"})
        for n, kind in ((databases.PREFECT, "postgresql+asyncpg"), (databases.MLFLOW, "postgresql"))
    ]
    with pytest.raises(ContractError, match="name the same database 'd'"):
        databases.require_two(*urls)


@pytest.mark.parametrize("given", ["nocolon", ":word", "user:"])
def test_a_password_of_prefect_without_a_user_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(ContractError, match="must be written as USER:PASSWORD") as refused:
        passwords.check_prefect({passwords.PREFECT: given})
    assert "word," not in str(refused.value)
    assert "nocolon" not in str(refused.value)
    passwords.check_prefect({passwords.PREFECT: "team:a:word"})
    passwords.check_prefect({})
