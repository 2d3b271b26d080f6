"""Repositories that are limited to some rows and columns of a table."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import SqlStore
from app.db.sql.columns import ColumnRepository
from app.repositories.errors import NotFound
from app.schemas.base import Entity
from tests.widgets import WidgetCreate, WidgetFilter, WidgetTable, WidgetUpdate, widgets_of


class Active(Entity):
    name: str


class ActiveRepository(ColumnRepository[Active, WidgetCreate, WidgetUpdate, WidgetFilter]):
    entity = Active
    table = WidgetTable

    @classmethod
    def select(cls) -> Select[Any]:
        return super().select().where(WidgetTable.is_active)

    def _where(self, id_: UUID, versions: Collection[int] | None) -> Iterator[ColumnElement[bool]]:
        yield from super()._where(id_, versions)
        yield WidgetTable.is_active.is_(True)

    def _conditions(self, query: WidgetFilter) -> Iterator[ColumnElement[bool]]:
        yield from ()


async def add(session: AsyncSession, name: str, is_active: bool) -> UUID:
    row = WidgetTable(name=name, quantity=1, is_active=is_active)
    session.add(row)
    await session.flush()
    return row.id


async def test_a_repository_reads_the_columns_of_its_entity(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        id_ = await add(repositories.session, "bolt", True)
        active = await ActiveRepository(repositories.session).get(id_)
        widget = await widgets_of(repositories).get(id_)
        assert (active.name, widget.quantity) == ("bolt", 1)


async def test_rows_outside_of_a_repository_are_not_found(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        active = ActiveRepository(repositories.session)
        id_ = await add(repositories.session, "bolt", False)
        with pytest.raises(NotFound):
            await active.get(id_)
        with pytest.raises(NotFound):
            await active.update(id_, WidgetUpdate(name="nut"))
        with pytest.raises(NotFound):
            await active.remove(id_)
        page = await active.find(WidgetFilter(total=True))
    assert (page.items, page.total) == ([], 0)
