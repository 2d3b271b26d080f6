from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.owned import OWNER, OwnedTable
from app.db.sql.base import S, SqlRepository, T
from app.repositories.base import C, E, Q, U
from app.repositories.errors import Conflict


class OwnedRepository(SqlRepository[E, C, U, Q]):
    """A repository of the rows of one user."""

    table: type[OwnedTable]

    def __init__(self, session: AsyncSession, owner: str) -> None:
        super().__init__(session)
        self.owner = owner

    def scoped(self, statement: S) -> S:
        return statement.execution_options(owner=self.owner)

    async def add(self, new: C) -> E:
        with without_owner():
            return await super().add(new)

    async def update(self, id_: UUID, changes: U, versions: Collection[int] | None = None) -> E:
        with without_owner():
            return await super().update(id_, changes, versions)

    def _row(self, table: type[T], values: dict[str, Any]) -> T:
        return table(**values, owner=self.owner)


@contextmanager
def without_owner() -> Iterator[None]:
    """Leaves the owner out of conflicts: values are unique per owner, which no client sends."""
    try:
        yield
    except Conflict as error:
        raise Conflict(*(field for field in error.fields if field != OWNER)) from error
