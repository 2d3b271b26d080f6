from app.repositories.items import ItemRepository
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate
from tests.fakes.base import InMemoryRepository


class InMemoryItemRepository(
    InMemoryRepository[Item, ItemCreate, ItemUpdate, ItemFilter], ItemRepository
):
    entity = Item
    unique = ("name",)

    def _matches(self, row: Item, query: ItemFilter) -> bool:
        return (query.name_contains is None or query.name_contains in row.name) and (
            query.is_active is None or query.is_active == row.is_active
        )
