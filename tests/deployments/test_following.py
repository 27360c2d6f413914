"""What the server writes of events that a run sends once more; the rest is in tests/faults/test_chain.py."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from prefect.server.database import provide_database_interface
from prefect.server.events.schemas.events import ReceivedEvent, Resource
from prefect.server.events.storage import database
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings
from sqlalchemy.ext.asyncio import AsyncSession

from deployments.following import _their_writer, write_new_events

MADE = [
    ReceivedEvent(
        occurred=datetime.now(UTC), event="llm-flows.test", received=datetime.now(UTC), id=uuid4(),
        resource=Resource({"prefect.resource.id": f"llm-flows.test.{number}"}),
    )
    for number in range(3)
]  # fmt: skip


async def written(path: Path, batches: list[list[ReceivedEvent]]) -> int:
    """Write batches of events into a fresh database; return how many are there."""
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{path}"}):
        db = provide_database_interface()
        engine = await db.engine()
        async with engine.begin() as connection:
            await connection.run_sync(
                db.Event.metadata.create_all, tables=[db.Event.__table__, db.EventResource.__table__]
            )
        for batch in batches:
            async with AsyncSession(engine) as session, session.begin():
                await database.write_events(session, batch)
        async with AsyncSession(engine) as session:
            found = await session.scalar(sa.select(sa.func.count()).select_from(db.Event))
        await engine.dispose()
    return int(found or 0)


def test_events_that_are_sent_again_are_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_write_sqlite_events", write_new_events)
    twice = [MADE[:2], MADE[:2], MADE, [MADE[2], MADE[2]]]
    assert asyncio.run(written(tmp_path / "ours.db", twice)) == 3


def test_prefect_alone_still_fails_at_repeats_so_that_the_writer_of_ours_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_write_sqlite_events", _their_writer)
    with pytest.raises(sa.exc.IntegrityError):
        asyncio.run(written(tmp_path / "theirs.db", [MADE[:2], MADE[:2]]))
