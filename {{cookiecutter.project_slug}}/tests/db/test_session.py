import pytest

from app.db.session import SqlStore
from app.repositories.errors import Unavailable
from app.schemas.items import ItemFilter
from app.settings import Settings


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
