"""Where a session begins and ends, and with it a transaction."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.db.engine import READ, make_engine
from app.db.health import observe, outdated
from app.db.migrate import head
from app.db.repositories.items import SqlItemRepository
from app.repositories.errors import Unavailable
from app.repositories.store import Repositories, Store
from app.settings import Settings

Sessions = async_sessionmaker[AsyncSession]


def repositories(session: AsyncSession) -> Repositories:
    return Repositories(
        items=SqlItemRepository(session),
    )


class SqlStore(Store):
    def __init__(self, settings: Settings) -> None:
        self.engine = make_engine(settings)
        observe(self.engine.sync_engine)
        self._reader = async_sessionmaker(self.engine.execution_options(**READ))
        self._writer = async_sessionmaker(self.engine)
        self._head = head()
        self._outdated = outdated(self._head)

    def read(self) -> AbstractAsyncContextManager[Repositories]:
        return self._repositories(self._reader)

    def write(self) -> AbstractAsyncContextManager[Repositories]:
        return self._repositories(self._writer)

    @asynccontextmanager
    async def _repositories(self, sessions: Sessions) -> AsyncIterator[Repositories]:
        try:
            async with sessions.begin() as session:
                yield repositories(session)
        except exc.TimeoutError as error:
            raise Unavailable("Every connection to the database is in use.") from error

    async def check(self) -> None:
        try:
            async with self._reader() as session:
                revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise Unavailable("The database has no schema, or does not answer.") from error
        if revision in self._outdated:
            raise Unavailable(f"The schema is at {revision}, this service needs {self._head}.")

    async def close(self) -> None:
        await self.engine.dispose()
