"""Where a request gets its repositories, all of them in one session."""

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from app.repositories.items import ItemRepository


@dataclass(frozen=True, slots=True)
class Repositories:
    items: ItemRepository


class Store(ABC):
    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[Repositories]:
        """A session for reading. Nothing holds its statements together: write in `write()`."""

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
