from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.repositories.errors import Unavailable
from app.repositories.store import Repositories, Store
from tests.fakes.items import InMemoryItemRepository

Tables = defaultdict[str, dict[UUID, Any]]


def repositories(tables: Tables) -> Repositories:
    return Repositories(
        items=InMemoryItemRepository(tables["items"]),
    )


class InMemoryStore(Store):
    def __init__(self) -> None:
        self._tables: Tables = defaultdict(dict)
        self.available = True

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Repositories]:
        yield repositories(self._tables)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Repositories]:
        changed = defaultdict(dict, {name: dict(rows) for name, rows in self._tables.items()})
        yield repositories(changed)
        self._tables = changed

    async def check(self) -> None:
        if not self.available:
            raise Unavailable("The database is not available now.")

    async def close(self) -> None:
        self.available = False
