"""The store: opens sessions and gives access to their repositories."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories.items import ItemRepository


@dataclass(frozen=True, slots=True)
class Repositories:
    """The repositories of one block, which share its session and transaction."""

    session: AsyncSession
    items: ItemRepository


class Store(ABC):
    @abstractmethod
    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Repositories]:
        """Opens a session for reading, whose statements all share the snapshot of the first one.

        Raises `ReadOnly` if a statement writes. A block of one SELECT needs no snapshot, and takes
        about half the time without.
        """

    @abstractmethod
    def write(self) -> AbstractAsyncContextManager[Repositories]:
        """Opens a session in one transaction: committed at the end of the block, before the
        response is sent, or rolled back if the block raises.
        """

    @abstractmethod
    async def check(self) -> None:
        """Raises `Unavailable` if the database does not respond or its schema is too old."""

    @abstractmethod
    async def close(self) -> None: ...
