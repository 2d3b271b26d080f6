from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db.session import SqlStore
from app.db.tables import ItemTable
from app.repositories.errors import Unavailable
from app.schemas.items import ItemCreate, ItemFilter, ItemUpdate
from app.settings import Settings


async def test_an_update_does_not_set_the_clock_of_an_item_back(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        item = await repositories.items.add(ItemCreate(name="bolt"))
    later = item.updated_at + timedelta(hours=1)
    async with sql_store.writer.begin() as connection:
        await connection.execute(update(ItemTable).values(updated_at=later))
    async with sql_store.write() as repositories:
        updated = await repositories.items.update(item.id, ItemUpdate(quantity=1))
    assert updated.updated_at == later


async def test_items_of_one_instant_are_each_on_one_page(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        added = [await repositories.items.add(ItemCreate(name=str(n))) for n in range(7)]
    same = {"created_at": added[0].created_at}
    async with sql_store.writer.begin() as connection:
        await connection.execute(update(ItemTable).values(same))
    for sort, expected in (("created_at", added), ("-created_at", added[::-1])):
        seen, cursor = [], None
        for _ in range(4):
            async with sql_store.read() as repositories:
                query = {"sort": sort, "limit": 2, "cursor": cursor}
                page = await repositories.items.find(ItemFilter.model_validate(query))
            seen += page.items
            cursor = page.next_cursor
        assert [item.id for item in seen] == [item.id for item in expected]
        assert cursor is None


async def test_a_request_that_finds_no_free_connection_is_told_to_come_back(
    settings: Settings,
) -> None:
    limits = {"database_pool_size": 1, "database_pool_timeout": 0.05}
    store = SqlStore(settings.model_copy(update=limits))

    async def read_in_reads() -> None:
        async with store.reader.connect(), store.reader.connect(), store.read() as repositories:
            await repositories.items.find(ItemFilter())

    with pytest.raises(Unavailable):
        await read_in_reads()
    await store.close()
