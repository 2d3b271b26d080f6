from collections.abc import Iterator

from sqlalchemy import ColumnElement

from app.db.base import contains
from app.db.sql.columns import ColumnRepository
from app.db.tables.items import ItemTable
from app.repositories.items import ItemRepository
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate


class SqlItemRepository(ColumnRepository[Item, ItemCreate, ItemUpdate, ItemFilter], ItemRepository):
    entity = Item
    table = ItemTable

    def _conditions(self, query: ItemFilter) -> Iterator[ColumnElement[bool]]:
        if query.name_contains is not None:
            yield contains(ItemTable.name, query.name_contains)
        if query.is_active is not None:
            yield ItemTable.is_active == query.is_active
