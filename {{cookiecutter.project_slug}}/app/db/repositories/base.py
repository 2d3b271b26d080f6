"""What is the same for every entity."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Result
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from app.db.base import EntityTable
from app.db.reader import Reader
from app.db.statements import change, one, page, removal
from app.repositories.base import C, E, Q, Repository, U
from app.repositories.errors import NotFound, RepositoryError, Stale
from app.schemas.pages import Page


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

    def __init__(self, connection: AsyncConnection | Reader) -> None:
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
        statement = change(self.table, versions is not None)
        # Of an UPDATE every parameter has to be one that it names.
        row = {"_id": id_} if versions is None else {"_id": id_, "_versions": versions}
        values = changes.model_dump() | {"_now": datetime.now(UTC)}
        changed = await self._connection.execute(statement, values | row)
        for entity in await self._loaded(dicts(changed)):
            return entity
        raise await self._reason(id_)

    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        statement = removal(self.table, versions is not None)
        removed = await self._connection.execute(statement, {"_id": id_, "_versions": versions})
        if removed.first() is None:
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

    async def _reason(self, id_: UUID) -> RepositoryError:
        """Why a statement found no row with this id and these versions."""
        found = await self._connection.execute(one(self.table), {"id": id_})
        return NotFound(id_) if found.one_or_none() is None else Stale()
