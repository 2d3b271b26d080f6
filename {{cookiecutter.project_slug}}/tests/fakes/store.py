from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.repositories.errors import Unavailable
from app.repositories.store import Repositories, Store
from tests.fakes.items import InMemoryItemRepository


class Tables(dict[str, "Rows"]):
    """What is stored: a copy of it is as good as a transaction."""

    def __missing__(self, name: str) -> "Rows":
        self[name] = Rows(self)
        return self[name]

    def copy(self) -> "Tables":
        copied = Tables()
        for name, rows in self.items():
            copied[name].update(rows)
        return copied


class Rows(dict[UUID, Any]):
    """Those of one table, which know the others that they may refer to."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables


def repositories(tables: Tables) -> Repositories:
    return Repositories(
        items=InMemoryItemRepository(tables["items"]),
    )


class InMemoryStore(Store):
    def __init__(self) -> None:
        self._tables = Tables()
        self.available = True

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Repositories]:
        yield repositories(self._tables)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Repositories]:
        changed = self._tables.copy()
        yield repositories(changed)
        self._tables = changed

    async def check(self) -> None:
        if not self.available:
            raise Unavailable("The database is not available now.")

    async def close(self) -> None:
        self.available = False
