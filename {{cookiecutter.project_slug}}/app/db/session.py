"""The store on a database: sessions and transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app.db.engine import make_engines
from app.db.migrate import head, outdated
from app.db.slots import slots
from app.db.sql.columns import ONE_STATEMENT
from app.db.sql.items import SqlItemRepository
from app.db.telemetry import observe
from app.repositories.errors import Nested, Refused, RolledBack, Unavailable
from app.repositories.store import Repositories, Store
from app.settings import Settings

# The session of the current `write()` block.
current_write: ContextVar[AsyncSession | None] = ContextVar("current_write", default=None)


def repositories(session: AsyncSession) -> Repositories:
    return Repositories(
        session=session,
        items=SqlItemRepository(session),
    )


class SqlStore(Store):
    def __init__(self, settings: Settings) -> None:
        self.reader, self.snapshot, self.writer = make_engines(settings)
        self._read_slots, self._write_slots = slots(settings)
        observe(self.reader.sync_engine, self.snapshot.sync_engine, self.writer.sync_engine)
        self._head = head()
        self._outdated = outdated(self._head)

    def repositories(self, session: AsyncSession) -> Repositories:
        return repositories(session)

    @asynccontextmanager
    async def read(self, *, snapshot: bool = True) -> AsyncIterator[Repositories]:
        reading = self._snapshot_session() if snapshot else self._autocommit_session()
        async with self._read_slots.acquired(), reading as session:
            yield self.repositories(session)

    @asynccontextmanager
    async def _snapshot_session(self) -> AsyncIterator[AsyncSession]:
        async with (
            AsyncSession(self.snapshot, expire_on_commit=False) as session,
            session.begin(),  # so an added row is rejected instead of lost
        ):
            yield session

    @asynccontextmanager
    async def _autocommit_session(self) -> AsyncIterator[AsyncSession]:
        session = AsyncSession(self.reader, expire_on_commit=False, info={ONE_STATEMENT: True})
        try:
            yield session
            if session.in_transaction():
                await session.commit()
        finally:
            if session.in_transaction():
                async with session:
                    pass  # closes it even if the request is cancelled

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Repositories]:
        outer = current_write.get()
        if outer is not None and outer.in_transaction() and outer.bind is self.writer:
            raise Nested
        async with (
            self._write_slots.acquired(),
            AsyncSession(self.writer, expire_on_commit=False) as session,
        ):
            token = current_write.set(session)
            try:
                async with session.begin():
                    yield self.repositories(session)
                    if not session.is_active:
                        raise RolledBack  # otherwise the block would end without an error
{% if cookiecutter.database == "sqlite" %}
            except exc.TimeoutError as error:
                raise Unavailable("Timed out waiting for other writers.") from error
{% endif %}
            except StaleDataError as error:
                raise Refused("Another request has changed the record: read it again.") from error
            finally:
                current_write.reset(token)

    async def check(self) -> None:
        try:
            async with self.reader.connect() as connection:
                revision = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise Unavailable("The database has no schema or does not respond.") from error
        if revision in self._outdated:
            raise Unavailable(f"The schema is at {revision}, this service needs {self._head}.")

    async def close(self) -> None:
        await self.reader.dispose()
        await self.writer.dispose()
