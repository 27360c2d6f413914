"""Prefect's server over SQLite keeps what several writers write at once."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration

from deployments.server import begin_immediate

WRITERS, TIMES = 4, 10


async def counted(database: Path) -> tuple[int, int]:
    """Count up from several transactions at once that read, wait and write; return the count and the refusals."""
    configuration = AioSqliteConfiguration(f"sqlite+aiosqlite:///{database}", timeout=60)
    engine = await configuration.engine()
    async with engine.begin() as connection:
        await connection.execute(sa.text("create table counter (n int)"))
        await connection.execute(sa.text("insert into counter values (0)"))

    async def count() -> int:
        refused = 0
        for _ in range(TIMES):
            try:
                async with await configuration.session(engine) as session, configuration.begin_transaction(session):
                    n = (await session.execute(sa.text("select n from counter"))).scalar_one()
                    await asyncio.sleep(0.002)
                    await session.execute(sa.text("update counter set n = :n"), {"n": n + 1})
            except sa.exc.OperationalError:
                refused += 1
        return refused

    refused = sum(await asyncio.gather(*(count() for _ in range(WRITERS))))
    async with await configuration.session(engine) as session:
        found = (await session.execute(sa.text("select n from counter"))).scalar_one()
    await engine.dispose()
    return found, refused


def test_transactions_that_read_and_then_write_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AioSqliteConfiguration, "begin_transaction", begin_immediate)
    assert asyncio.run(counted(tmp_path / "ours.db")) == (WRITERS * TIMES, 0)


def test_prefect_alone_still_refuses_them_so_that_the_server_of_ours_is_needed(tmp_path: Path) -> None:
    found, refused = asyncio.run(counted(tmp_path / "theirs.db"))
    assert found < WRITERS * TIMES or refused, "Prefect begins them as it should by now: deployments/server.py can go"
