from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import fields
from typing import Any, Never
from uuid import UUID

from app.repositories.errors import Nested, ReadOnly, Unavailable
from app.repositories.store import Repositories, Store
from tests.fakes.items import InMemoryItemRepository


class Tables(dict[str, "Rows"]):
    """All rows by table: a transaction works on a copy."""

    can_be_written = False

    def __missing__(self, name: str) -> "Rows":
        self[name] = Rows(self)
        return self[name]

    def copy(self) -> "Tables":
        copied = Tables()
        for name, rows in self.items():
            copied[name].update(rows)
        return copied


class Rows(dict[UUID, Any]):
    """The rows of one table by id, with access to the tables that they reference."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables
        self.repository: Any = None  # the fake that owns these rows

    def __setitem__(self, id_: UUID, row: Any) -> None:
        self._must_be_writable()
        super().__setitem__(id_, row)

    def __delitem__(self, id_: UUID) -> None:
        self._must_be_writable()
        super().__delitem__(id_)

    def _must_be_writable(self) -> None:
        if not self.tables.can_be_written:
            raise ReadOnly


class DatabaseOnly:
    """Placeholder for the session and for each repository without a fake."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Never:
        raise AssertionError(
            f"{self._name}.{attribute} exists only in the database: mark the test `in_database`."
        )


def with_fakes(**fakes: Any) -> Repositories:
    """Returns the repositories: using one without a fake fails the test."""
    rest: dict[str, Any] = {field.name: DatabaseOnly(field.name) for field in fields(Repositories)}
    return Repositories(**rest | fakes)


def repositories(tables: Tables) -> Repositories:
    return with_fakes(
        items=InMemoryItemRepository(tables["items"]),
    )


class InMemoryStore(Store):
    def __init__(self) -> None:
        self._tables = Tables()
        self._writing: ContextVar[Tables | None] = ContextVar("writing", default=None)
        self.available = True

    def repositories(self, tables: Tables) -> Repositories:
        return repositories(tables)

    @asynccontextmanager
    async def read(self, *, snapshot: bool = True) -> AsyncIterator[Repositories]:
        yield self.repositories(self._tables)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Repositories]:
        outer = self._writing.get()
        if outer is not None and outer.can_be_written:
            raise Nested
        changed = self._tables.copy()
        changed.can_be_written = True
        token = self._writing.set(changed)
        try:
            yield self.repositories(changed)
            self._tables = changed
        finally:
            changed.can_be_written = False
            self._writing.reset(token)

    async def check(self) -> None:
        if not self.available:
            raise Unavailable("The database is not available now.")

    async def close(self) -> None:
        self.available = False
