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
    async with sql_store.engine.begin() as connection:
        await connection.execute(update(ItemTable).values(updated_at=later))
    async with sql_store.write() as repositories:
        updated = await repositories.items.update(item.id, ItemUpdate(quantity=1))
    assert updated.updated_at == later


async def test_a_request_that_finds_no_free_connection_is_told_to_come_back(
    settings: Settings,
) -> None:
    store = SqlStore(settings.model_copy(update={"database_pool_size": 1, "database_timeout": 1}))

    async def read_within_a_read() -> None:
        async with store.engine.connect(), store.read() as repositories:
            await repositories.items.find(ItemFilter())

    with pytest.raises(Unavailable):
        await read_within_a_read()
    await store.close()
