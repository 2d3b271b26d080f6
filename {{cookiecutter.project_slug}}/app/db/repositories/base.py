"""The SQL that is the same for every entity."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.db.base import EntityTable, UtcDateTime
from app.repositories.base import C, E, Q, Repository, U
from app.repositories.errors import NotFound, RepositoryError, Stale
from app.schemas.pages import Page


class SqlRepository(Repository[E, C, U, Q]):
    """Statements on columns rather than on ORM entities: reading builds no object twice, and an
    update is one statement, so two updates of different fields cannot undo each other.
    """

    entity: type[E]
    table: type[EntityTable]

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    @abstractmethod
    def _conditions(self, query: Q) -> Iterator[ColumnElement[bool]]:
        """The filters that `query` sets."""

    async def add(self, new: C) -> E:
        now = datetime.now(UTC)
        values = new.model_dump() | {
            "id": uuid7(),
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        (entity,) = await self._loaded([values])
        await self._session.execute(insert(self.table).values(values))
        return entity

    async def get(self, id_: UUID) -> E:
        statement = select(*self.table.__table__.columns).where(self.table.id == id_)
        found = await self._session.execute(statement)
        row = found.one_or_none()
        if row is None:
            raise NotFound(id_)
        (entity,) = await self._loaded([row._mapping])
        return entity

    async def find(self, query: Q) -> Page[E]:
        order = (getattr(self.table, query.column), self.table.id)
        statement = select(*self.table.__table__.columns).where(*self._conditions(query))
        if query.after is not None:
            key, after = tuple_(*order), tuple_(*query.after)
            statement = statement.where(key < after if query.descending else key > after)
        if query.descending:
            statement = statement.order_by(*(column.desc() for column in order))
        else:
            statement = statement.order_by(*order)
        found = await self._session.execute(statement.limit(query.limit + 1))
        return Page.of(await self._loaded([row._mapping for row in found]), query)

    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        # The clock was read before the row's lock was waited for: it must not set another back.
        now, before = literal(datetime.now(UTC), UtcDateTime()), self.table.updated_at
        values = changes.model_dump() | {
            "version": self.table.version + 1,
            "updated_at": case((before > now, before), else_=now),
        }
        statement = update(self.table).where(*self._wanted(id_, versions)).values(values)
        changed = await self._session.execute(
            statement.returning(*self.table.__table__.columns),
        )
        row = changed.one_or_none()
        if row is None:
            raise await self._reason(id_)
        (entity,) = await self._loaded([row._mapping])
        return entity

    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        statement = delete(self.table).where(*self._wanted(id_, versions))
        removed = await self._session.scalar(statement.returning(self.table.id))
        if removed is None:
            raise await self._reason(id_)

    async def with_ids(self, ids: Collection[UUID], error: RepositoryError) -> dict[UUID, E]:
        """All of them in one statement, or `error` if one is not there."""
        statement = select(*self.table.__table__.columns).where(self.table.id.in_(ids))
        found = await self._session.execute(statement)
        entities = await self._loaded([row._mapping for row in found])
        if len(entities) < len(ids):
            raise error
        return {entity.id: entity for entity in entities}

    async def _loaded(self, rows: Sequence[Mapping[Any, Any]]) -> list[E]:
        """The entities of these rows. What they refer to is read here, for all rows at once."""
        return [self.entity(**row) for row in rows]

    def _wanted(self, id_: UUID, versions: Collection[int] | None) -> Iterator[ColumnElement[bool]]:
        yield self.table.id == id_
        if versions is not None:
            yield self.table.version.in_(versions)

    async def _reason(self, id_: UUID) -> RepositoryError:
        """Why a statement found no row with this id and these versions."""
        found = await self._session.scalar(select(self.table.id).where(self.table.id == id_))
        return NotFound(id_) if found is None else Stale()
