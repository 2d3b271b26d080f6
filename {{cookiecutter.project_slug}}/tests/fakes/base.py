from abc import abstractmethod
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from app.repositories.base import C, E, Q, Repository, U
from app.repositories.errors import Conflict, Dangling, InUse, NotFound, Stale
from app.schemas.base import Entity
from app.schemas.pages import Page

if TYPE_CHECKING:
    from tests.fakes.store import Rows

R = TypeVar("R", bound=Entity)


class InMemoryRepository(Repository[E, C, U, Q]):
    entity: type[E]
    unique: tuple[str, ...] = ()
    references: tuple[tuple[str, str], ...] = ()  # names of attributes, and of their tables

    def __init__(self, rows: "Rows") -> None:
        self._rows = rows

    @abstractmethod
    def _matches(self, row: E, query: Q) -> bool:
        """Whether the query's filters let `row` through."""

    async def add(self, new: C) -> E:
        now = datetime.now(UTC)
        values = new.model_dump()
        values |= self._referred(values) | {"id": uuid7(), "version": 1}
        row = self.entity(created_at=now, updated_at=now, **values)
        self._must_be_unique(row)
        self._rows[row.id] = row
        return row

    async def get(self, id_: UUID) -> E:
        return self._as_of_now(self._wanted(id_, None))

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
        return Page.of([self._as_of_now(row) for row in rows], query)

    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        values = changes.model_dump()
        values |= self._referred(values)
        old = self._wanted(id_, versions)
        new = old.model_copy(
            update=values
            | {"version": old.version + 1, "updated_at": max(datetime.now(UTC), old.updated_at)}
        )
        self._must_be_unique(new)
        self._rows[id_] = new
        return self._as_of_now(new)

    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        removed = self._wanted(id_, versions)
        for rows in self._rows.tables.values():
            if any(removed.id == other.id for row in rows.values() for other in held(row).values()):
                raise InUse
        del self._rows[id_]

    def _wanted(self, id_: UUID, versions: Collection[int] | None) -> E:
        if id_ not in self._rows:
            raise NotFound(id_)
        if versions is not None and self._rows[id_].version not in versions:
            raise Stale
        wanted: E = self._rows[id_]
        return wanted

    def _must_be_unique(self, row: E) -> None:
        for other in self._rows.values():
            for field in self.unique:
                value = getattr(row, field)
                if other.id != row.id and value is not None and getattr(other, field) == value:
                    raise Conflict(field)

    def _referred(self, values: dict[str, Any]) -> dict[str, Any]:
        """What those of `values` that are references refer to."""
        referred = {}
        for name, table in self.references:
            key = f"{name}_id"
            if key in values:
                referred[name] = self._rows.tables[table].get(values[key])
                if values[key] is not None and referred[name] is None:
                    raise Dangling(key)
        return referred

    def _as_of_now(self, row: R) -> R:
        """With what it refers to as that is stored now."""
        tables = self._rows.tables.values()
        stored = {
            name: next(rows[other.id] for rows in tables if other.id in rows)
            for name, other in held(row).items()
        }
        new = {name: self._as_of_now(other) for name, other in stored.items()}
        return row.model_copy(update=new)


def held(row: Entity) -> dict[str, Entity]:
    return {name: value for name, value in row if isinstance(value, Entity)}
