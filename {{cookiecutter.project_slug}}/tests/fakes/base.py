from abc import abstractmethod
from collections.abc import Collection
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import MISSING
from uuid_utils.compat import uuid7

from app.repositories.base import C, E, Q, Repository, U
from app.repositories.errors import Conflict, InUse, MissingReference, NotFound, Stale
from app.schemas.base import Entity, Schema
from app.schemas.pages import Page, SortKeys

if TYPE_CHECKING:
    from tests.fakes.store import Rows

R = TypeVar("R", bound=Entity)


class InMemoryRepository(Repository[E, C, U, Q]):
    entity: type[E]
    unique: tuple[str | tuple[str, ...], ...] = ()  # fields, or tuples of them
    nocase: tuple[str, ...] = ()  # unique fields that are compared without case (A to Z)
    references: tuple[tuple[str, str], ...] = ()  # attribute and table
    links: tuple[tuple[str, str], ...] = ()  # attribute with ids, and table
    # Attribute with rows, reference in these rows, and table.
    lists: tuple[tuple[str, str, str], ...] = ()
    # References with ON DELETE CASCADE and ON DELETE SET NULL.
    cascades: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()

    def __init__(self, rows: "Rows") -> None:
        self._rows = rows
        rows.repository = self

    @abstractmethod
    def _matches(self, row: E, query: Q) -> bool:
        """Returns whether `row` matches the query's filters."""

    async def add(self, new: C) -> E:
        now = datetime.now(UTC)
        values = self._public(new)
        values |= self._references(values) | {"id": uuid7(), "version": 1}
        row = self.entity(created_at=now, updated_at=now, **values)
        self._must_be_unique(row)
        self._rows[row.id] = row
        return row

    async def get(self, id_: UUID) -> E:
        return self._as_of_now(self._checked_row(id_, None))

    async def find(self, query: Q) -> Page[E]:
        rows = [
            row
            for row in self._rows.values()
            if (query.created_after is None or row.created_at > query.created_after)
            and (query.created_before is None or row.created_at < query.created_before)
            and self._matches(row, query)
        ]
        total = len(rows)
        for field, descending in reversed(query.sort_keys):
            rows.sort(key=attrgetter(field), reverse=descending)
        after = query.after
        if after is not None:
            rows = [row for row in rows if follows(row, query.sort_keys, after)]
        found = Page.of([self._as_of_now(row) for row in rows], query)
        if query.total:
            found.total = total
        return found

    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        values = self._public(changes)
        values |= self._references(values)
        old = self._checked_row(id_, versions)
        new = old.model_copy(
            update=values
            | {"version": old.version + 1, "updated_at": max(datetime.now(UTC), old.updated_at)}
        )
        self._must_be_unique(new)
        self._rows[id_] = new
        return self._as_of_now(new)

    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        self._remove(self._checked_row(id_, versions).id)

    def _remove(self, id_: UUID) -> None:
        """Removes the row and applies ON DELETE to the rows that reference it."""
        del self._rows[id_]
        for rows in [*self._rows.tables.values()]:
            if rows.repository:
                rows.repository.on_delete(self._rows, id_)

    def on_delete(self, table: "Rows", id_: UUID) -> None:
        """Applies ON DELETE to the rows that reference `id_` in `table`."""
        for name, of in self.references:
            key = f"{name}_id"
            rows = [*self._rows.values()] if self._rows.tables[of] is table else []
            for row in (row for row in rows if getattr(row, key) == id_):
                if name in self.cascades:
                    if row.id in self._rows:  # another cascade may have removed it
                        self._remove(row.id)
                elif name in self.nulls:
                    cleared = {key: None} | ({name: None} if name in nested(row) else {})
                    self._rows[row.id] = row.model_copy(update=cleared)
                else:
                    raise InUse
        for name, of in self.links:
            rows = [*self._rows.values()] if self._rows.tables[of] is table else []
            for row in (row for row in rows if id_ in getattr(row, name)):
                ids = tuple(other for other in getattr(row, name) if other != id_)
                self._rows[row.id] = row.model_copy(update={name: ids})
        for name, reference, of in self.lists:
            rows = [*self._rows.values()] if self._rows.tables[of] is table else []
            for row in rows:
                children = getattr(row, name)
                remaining = tuple(
                    each for each in children if getattr(each, f"{reference}_id") != id_
                )
                if remaining == children:
                    continue
                if f"{name}.{reference}" not in self.cascades:
                    raise InUse
                self._rows[row.id] = row.model_copy(update={name: remaining})

    def _public(self, sent: Schema) -> dict[str, Any]:
        """Returns the values that can be read: not those of private fields."""
        fields = self.entity.model_fields
        return {name: value for name, value in sent if name in fields and value is not MISSING}

    def _checked_row(self, id_: UUID, versions: Collection[int] | None) -> E:
        if id_ not in self._rows:
            raise NotFound(id_)
        if versions is not None and self._rows[id_].version not in versions:
            raise Stale
        row: E = self._rows[id_]
        return row

    def _must_be_unique(self, row: E) -> None:
        for unique in self.unique:
            fields = (unique,) if isinstance(unique, str) else unique
            values = [self._comparable(row, field) for field in fields]
            for other in self._rows.values():
                is_same = values == [self._comparable(other, field) for field in fields]
                if is_same and other.id != row.id and None not in values:
                    raise Conflict(*fields)

    def _comparable(self, row: E, field: str) -> Any:
        value = getattr(row, field)
        return value.encode().lower() if field in self.nocase and value is not None else value

    def _references(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns the referenced rows and the ids of links; raises `MissingReference`."""
        references: dict[str, Any] = {}
        for name, table in self.references:
            key = f"{name}_id"
            if key in values:
                row = self._rows.tables[table].get(values[key])
                if values[key] is not None and row is None:
                    raise MissingReference(key)
                if name in self.entity.model_fields:
                    references[name] = row
        for name, table in self.links:
            if name in values:
                if not self._rows.tables[table].keys() >= {*values[name]}:
                    raise MissingReference(name)
                references[name] = tuple(sorted(values[name]))
        for name, reference, table in self.lists:
            ids = {getattr(row, f"{reference}_id") for row in values.get(name, ())} - {None}
            if not self._rows.tables[table].keys() >= ids:
                raise MissingReference(name)
        return references

    def _as_of_now(self, row: R) -> R:
        """Returns the row with the current versions of the rows that it references."""
        tables = self._rows.tables.values()
        stored = {
            name: next(rows[other.id] for rows in tables if other.id in rows)
            for name, other in nested(row).items()
        }
        new = {name: self._as_of_now(other) for name, other in stored.items()}
        return row.model_copy(update=new)


def follows(row: Entity, order: SortKeys, after: list[Any]) -> bool:
    """Returns whether `row` sorts after a row with the values `after` in the fields of `order`."""
    for (field, descending), value in zip(order, after, strict=True):
        if (own := getattr(row, field)) != value:
            is_less: bool = own < value
            return is_less == descending
    return False


def nested(row: Entity) -> dict[str, Entity]:
    return {name: value for name, value in row if isinstance(value, Entity)}
