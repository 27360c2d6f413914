"""Start Prefect's server with transactions that cannot be refused for a stale snapshot.

    python -m deployments.server --host 127.0.0.1 --port 4200     the options of `prefect server start`

Prefect 3.8.8 (3.9.1 too) begins most transactions on SQLite as DEFERRED: one that reads, and then writes after another
connection has written, is refused at once with "database is locked", and no timeout helps
(https://www.sqlite.org/lang_transaction.html, https://github.com/PrefectHQ/prefect/issues/23051). In twenty minutes of
four schedules a worker's heartbeat was lost that way. IMMEDIATE takes the write lock first, and waits for it. Prefect
reads outside of transactions, so readers wait for nobody. PostgreSQL is untouched.

Events of ours are followed by automations once, whenever the server was killed: see `deployments.following`.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.cli import app
from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from deployments import following


@asynccontextmanager
async def begin_immediate(
    configuration: AioSqliteConfiguration, session: AsyncSession, with_for_update: bool = True
) -> AsyncIterator[AsyncSessionTransaction]:
    """Begin a transaction that holds the write lock of the database, whatever Prefect asks for."""
    token = SQLITE_BEGIN_MODE.set("IMMEDIATE")
    try:
        async with session.begin() as transaction:
            yield transaction
    finally:
        SQLITE_BEGIN_MODE.reset(token)


def main() -> None:
    """Run the server until it is stopped."""
    following.mend()
    AioSqliteConfiguration.begin_transaction = begin_immediate  # type: ignore[method-assign,assignment]
    sys.argv[:] = ["prefect", "server", "start", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
