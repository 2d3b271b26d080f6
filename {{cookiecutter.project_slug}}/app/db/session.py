"""Where a connection is borrowed and given back, and a transaction begins and ends."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import make_engines
from app.db.health import observe, outdated
from app.db.migrate import head
from app.db.reader import Reader
from app.db.repositories.items import SqlItemRepository
from app.repositories.errors import Unavailable
from app.repositories.store import Repositories, Store
from app.settings import Settings


def repositories(connection: AsyncConnection | Reader) -> Repositories:
    return Repositories(
        items=SqlItemRepository(connection),
    )


class SqlStore(Store):
    def __init__(self, settings: Settings) -> None:
        self.reader, self.writer = make_engines(settings)
        observe(self.reader.sync_engine, self.writer.sync_engine)
        self._reading = repositories(Reader(self.reader))
        self._head = head()
        self._outdated = outdated(self._head)

    def read(self) -> AbstractAsyncContextManager[Repositories]:
        return nullcontext(self._reading)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Repositories]:
        try:
            async with self.writer.begin() as connection:
                yield repositories(connection)
        except exc.TimeoutError as error:
            raise Unavailable("Every connection to the database is in use.") from error

    async def check(self) -> None:
        try:
            async with self.reader.connect() as connection:
                revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise Unavailable("The database has no schema, or does not answer.") from error
        if revision in self._outdated:
            raise Unavailable(f"The schema is at {revision}, this service needs {self._head}.")

    async def close(self) -> None:
        await self.reader.dispose()
        await self.writer.dispose()
