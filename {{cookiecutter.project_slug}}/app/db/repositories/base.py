"""The SQL that is the same for every entity."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Integer, Result, Select, bindparam, case, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from app.db.base import EntityTable, UtcDateTime
from app.repositories.base import C, E, Q, Repository, U
from app.repositories.errors import NotFound, RepositoryError, Stale
from app.schemas.pages import Page


# What is read most is built once: SQLAlchemy builds a statement as long as a database answers it.
@cache
def one(table: type[EntityTable]) -> Select[Any]:
    columns = table.__table__.columns
    return table.__table__.select().where(columns.id == bindparam("id"))


@cache
def page(table: type[EntityTable], sort: str, descending: bool, follows: bool) -> Select[Any]:
    """At most `limit` rows, those after `key` and `id` if one `follows` another page."""
    columns = table.__table__.columns
    order = (columns[sort], columns.id)
    statement = table.__table__.select().limit(bindparam("limit", type_=Integer))
    if follows:
        before = (bindparam("key", type_=order[0].type), bindparam("id", type_=order[1].type))
        here, there = tuple_(*order), tuple_(*before)
        statement = statement.where(here < there if descending else here > there)
    return statement.order_by(*((column.desc() for column in order) if descending else order))


def dicts(rows: Result[Any]) -> list[dict[str, Any]]:
    names = rows.keys()
    return [dict(zip(names, row, strict=True)) for row in rows.all()]


@cache
def entities(entity: type[E]) -> TypeAdapter[list[E]]:
    """Makes all of a page in one call, which takes a third of the time of one for each."""
    return TypeAdapter(list[entity])  # type: ignore[valid-type] # known when it runs


class SqlRepository(Repository[E, C, U, Q]):
    """Statements on columns rather than on ORM entities: reading builds no object twice, and an
    update is one statement, so two updates of different fields cannot undo each other.
    """

    entity: type[E]
    table: type[EntityTable]

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @abstractmethod
    def _conditions(self, query: Q) -> Iterator[ColumnElement[bool]]:
        """The filters that `query` sets."""

    async def add(self, new: C) -> E:
        now = datetime.now(UTC)
        stamps = {"id": uuid7(), "version": 1, "created_at": now, "updated_at": now}
        values = new.model_dump() | stamps
        (entity,) = await self._loaded([values])
        await self._connection.execute(self.table.__table__.insert(), values)
        return entity

    async def get(self, id_: UUID) -> E:
        found = await self._connection.execute(one(self.table), {"id": id_})
        for entity in await self._loaded(dicts(found)):
            return entity
        raise NotFound(id_)

    async def find(self, query: Q) -> Page[E]:
        statement = page(self.table, query.column, query.descending, query.after is not None)
        key, id_ = query.after or (None, None)
        if conditions := [*self._conditions(query)]:
            statement = statement.where(*conditions)
        parameters = {"limit": query.limit + 1, "key": key, "id": id_}
        found = await self._connection.execute(statement, parameters)
        return Page.of(await self._loaded(dicts(found)), query)

    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        columns = self.table.__table__.columns
        # The clock was read before the row's lock was waited for: it must not set another back.
        now, before = literal(datetime.now(UTC), UtcDateTime()), columns.updated_at
        values = changes.model_dump() | {
            "version": columns.version + 1,
            "updated_at": case((before > now, before), else_=now),
        }
        statement = self.table.__table__.update().where(*self._wanted(id_, versions))
        changed = await self._connection.execute(statement.values(values).returning(*columns))
        for entity in await self._loaded(dicts(changed)):
            return entity
        raise await self._reason(id_)

    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        table = self.table.__table__
        statement = table.delete().where(*self._wanted(id_, versions)).returning(table.columns.id)
        removed = await self._connection.scalar(statement)
        if removed is None:
            raise await self._reason(id_)

    async def with_ids(self, ids: Collection[UUID], error: RepositoryError) -> dict[UUID, E]:
        """All of them in one statement, or `error` if one is not there."""
        table = self.table.__table__
        found = await self._connection.execute(table.select().where(table.columns.id.in_(ids)))
        loaded = await self._loaded(dicts(found))
        if len(loaded) < len(ids):
            raise error
        return {entity.id: entity for entity in loaded}

    async def _loaded(self, rows: Sequence[Mapping[str, Any]]) -> list[E]:
        """The entities of these rows. What they refer to is read here, for all rows at once."""
        return entities(self.entity).validate_python(rows)

    def _wanted(self, id_: UUID, versions: Collection[int] | None) -> Iterator[ColumnElement[bool]]:
        columns = self.table.__table__.columns
        yield columns.id == id_
        if versions is not None:
            yield columns.version.in_(versions)

    async def _reason(self, id_: UUID) -> RepositoryError:
        """Why a statement found no row with this id and these versions."""
        found = await self._connection.execute(one(self.table), {"id": id_})
        return NotFound(id_) if found.one_or_none() is None else Stale()
