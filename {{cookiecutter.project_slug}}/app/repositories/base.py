"""The interface between the API and whatever stores its data."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Generic, TypeVar
from uuid import UUID

from app.schemas.base import Changes, Entity, Schema
from app.schemas.pages import Page, Query

E = TypeVar("E", bound=Entity)
C = TypeVar("C", bound=Schema)
U = TypeVar("U", bound=Changes)
Q = TypeVar("Q", bound=Query)


class Repository(ABC, Generic[E, C, U, Q]):
    """A collection of one kind of entity.

    `versions` are the ones that the caller accepts to change; without them, any.
    """

    @abstractmethod
    async def add(self, new: C) -> E:
        """Raises `Conflict`, or `Dangling` for a reference to nothing."""

    @abstractmethod
    async def get(self, id_: UUID) -> E:
        """Raises `NotFound`."""

    @abstractmethod
    async def find(self, query: Q) -> Page[E]:
        """The page that `query` asks for; past the end of the list, an empty one."""

    @abstractmethod
    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        """Raises `NotFound`, `Stale`, `Conflict` or `Dangling`."""

    @abstractmethod
    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        """Raises `NotFound`, `Stale` or, where something refers to it, `InUse`."""
