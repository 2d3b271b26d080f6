from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from app.repositories.errors import Unavailable
from app.repositories.store import Repositories, Store
from app.schemas.items import Item
from tests.fakes.items import InMemoryItemRepository


class InMemoryStore(Store):
    def __init__(self) -> None:
        self._items: dict[UUID, Item] = {}
        self.available = True

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Repositories]:
        yield Repositories(items=InMemoryItemRepository(self._items))

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Repositories]:
        changed = dict(self._items)
        yield Repositories(items=InMemoryItemRepository(changed))
        self._items = changed

    async def check(self) -> None:
        if not self.available:
            raise Unavailable("The database is not available now.")

    async def close(self) -> None:
        self.available = False
