"""Databases on PostgreSQL go into a backup and come back into empty ones; a wrong address is one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.launch import housekeeping, postgres
from tests.postgres import PASSWORD, Postgres, cluster
from tests.tasks.launch.kept import call, publish

pytestmark = pytest.mark.slow
PREFECT, MLFLOW = "PREFECT_SERVER_DATABASE_CONNECTION_URL", "MLFLOW_BACKEND_STORE_URI"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Run a server with two databases that hold something and two that are empty."""
    with cluster() as made:
        made.create("prefect", "mlflow", "new-prefect", "new-mlflow")
        made.ask("prefect", "CREATE TABLE flow_run (id int PRIMARY KEY, name text)")
        made.ask("prefect", "INSERT INTO flow_run SELECT n, 'Lauf ' || n || ' für Ä' FROM generate_series(1, 1000) n")
        made.ask("mlflow", "CREATE SCHEMA own; CREATE TABLE own.runs (n int)")
        yield made


def test_both_databases_come_back_with_the_workspace_and_only_into_empty_ones(
    server: Postgres, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish()
    monkeypatch.setenv(PREFECT, server.url("prefect", kind="postgresql+asyncpg"))
    monkeypatch.setenv(MLFLOW, server.url("mlflow", kind="postgresql+psycopg2"))
    status, lines, stated = call(capsys, "store", "backup", str(tmp_path / "all"))
    assert (status, stated["elsewhere"]) == (0, "")
    assert stated["databases"] == ["prefect on PostgreSQL", "mlflow on PostgreSQL"]
    assert PASSWORD not in "\n".join(lines)

    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "other"))
    assert housekeeping.main(["store", "restore", str(tmp_path / "all")]) == 2
    said = capsys.readouterr().err
    assert said == f"the database that {PREFECT} names holds 1 tables; make an empty one and name that\n"
    monkeypatch.setenv(PREFECT, server.url("new-prefect", kind="postgresql+asyncpg"))
    monkeypatch.delenv(MLFLOW)
    assert housekeeping.main(["store", "restore", str(tmp_path / "all")]) == 2
    assert f"set {MLFLOW} to an empty one" in capsys.readouterr().err
    assert list((tmp_path / "other").iterdir()) == []

    monkeypatch.setenv(MLFLOW, server.url("new-mlflow", kind="postgresql+psycopg2"))
    assert call(capsys, "store", "restore", str(tmp_path / "all"))[0] == 0
    whole = "SELECT count(*), max(name) FROM flow_run"
    assert server.ask("new-prefect", whole) == server.ask("prefect", whole) == "1000|Lauf 999 für Ä\n"
    assert server.ask("new-mlflow", "SELECT count(*) FROM own.runs") == "0\n"
    assert not (tmp_path / "other" / "postgresql").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "guess"}, "password authentication failed"),
        ({"database": "nothing"}, 'database "nothing" does not exist'),
    ],
)
def test_a_wrong_password_or_name_is_one_line_without_the_password(
    server: Postgres, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], wrong: dict[str, str], said: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(PREFECT, server.url(**{"database": "prefect", **wrong}))
    assert housekeeping.main(["store", "backup", str(tmp_path / "all")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.endswith(f"check {PREFECT}\n")
    assert len(err.splitlines()) == 1
    assert PASSWORD not in err
    assert "guess" not in err
    assert not (tmp_path / "all").exists()


def test_an_address_says_all_that_libpq_reads() -> None:
    found = postgres._libpq("postgresql+asyncpg://me:p%40ss@db.example:6432/flows?ssl=require")
    assert {name: found[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")} == {
        "PGHOST": "db.example", "PGPORT": "6432", "PGUSER": "me", "PGPASSWORD": "p@ss", "PGDATABASE": "flows",
        "PGSSLMODE": "require",
    }  # fmt: skip
    assert postgres._libpq("postgresql:///flows?host=/run/postgresql")["PGHOST"] == "/run/postgresql"
