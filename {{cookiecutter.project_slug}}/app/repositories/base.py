"""Repository interface between the API and the storage."""

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
    """A collection of entities of one type.

    `versions` are the versions that may be changed or removed; None allows any.
    """

    @abstractmethod
    async def add(self, new: C) -> E:
        """Raises `Conflict`, or `MissingReference` if a referenced entity does not exist."""

    @abstractmethod
    async def get(self, id_: UUID) -> E:
        """Raises `NotFound`."""

    @abstractmethod
    async def find(self, query: Q) -> Page[E]:
        """Returns the requested page, which is empty past the end of the list."""

    @abstractmethod
    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        """Raises `NotFound`, `Stale`, `Conflict` or `MissingReference`."""

    @abstractmethod
    async def remove(self, id_: UUID, versions: Collection[int] | None = None) -> None:
        """Raises `NotFound`, `Stale`, or `InUse` if other entities refer to it."""
