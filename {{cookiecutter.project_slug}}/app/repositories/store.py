"""Where a request gets its repositories, all of them in one session."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.items import ItemRepository


@dataclass(frozen=True, slots=True)
class Repositories:
    """Those of one block, which share its session and transaction."""

    session: AsyncSession
    items: ItemRepository


class Store(ABC):
    @abstractmethod
    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Repositories]:
        """A session for reading: all of its statements see what was committed when the first one
        began. Raises `ReadOnly` at a statement that writes.

        A block of one SELECT needs no snapshot, and takes about half of the time without.
        """

    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[Repositories]:
        """A session in one transaction: committed at the end of the block, before the client is
        answered, or rolled back if the block raises.
        """

    @abstractmethod
    async def check(self) -> None:
        """Raises `Unavailable` if the database does not answer or its schema is not at head."""

    @abstractmethod
    async def close(self) -> None: ...
