from abc import abstractmethod
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.repositories.base import C, E, Q, Repository, U
from app.repositories.errors import Conflict, NotFound, Stale
from app.schemas.pages import Page


class InMemoryRepository(Repository[E, C, U, Q]):
    entity: type[E]
    unique: tuple[str, ...] = ()

    def __init__(self, rows: dict[UUID, E]) -> None:
        self._rows = rows

    @abstractmethod
    def _matches(self, row: E, query: Q) -> bool:
        """Whether the query's filters let `row` through."""

    async def add(self, new: C) -> E:
        now = datetime.now(UTC)
        row = self.entity(id=uuid7(), version=1, created_at=now, updated_at=now, **new.model_dump())
        self._must_be_unique(row)
        self._rows[row.id] = row
        return row

    async def get(self, id_: UUID) -> E:
        return self._wanted(id_, None)

    async def find(self, query: Q) -> Page[E]:
        def key(row: E) -> tuple[Any, UUID]:
            return getattr(row, query.column), row.id

        rows = [row for row in self._rows.values() if self._matches(row, query)]
        rows.sort(key=key, reverse=query.descending)
        after = query.after
        if after is not None:
            rows = [
                row for row in rows if (key(row) < after if query.descending else key(row) > after)
            ]
        return Page.of(rows, query)

    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        old = self._wanted(id_, versions)
        new = old.model_copy(
            update=changes.model_dump()
            | {"version": old.version + 1, "updated_at": max(datetime.now(UTC), old.updated_at)}
        )
        self._must_be_unique(new)
        self._rows[id_] = new
        return new

    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        del self._rows[self._wanted(id_, versions).id]

    def _wanted(self, id_: UUID, versions: Collection[int] | None) -> E:
        if id_ not in self._rows:
            raise NotFound(id_)
        if versions is not None and self._rows[id_].version not in versions:
            raise Stale
        return self._rows[id_]

    def _must_be_unique(self, row: E) -> None:
        for other in self._rows.values():
            for field in self.unique:
                if other.id != row.id and getattr(other, field) == getattr(row, field):
                    raise Conflict(field)
