from collections.abc import Iterator

{% if cookiecutter.database == "sqlite" %}
from sqlalchemy import ColumnElement, func
{% else %}
from sqlalchemy import ColumnElement
{% endif %}

from app.db.repositories.base import SqlRepository
from app.db.tables.items import ItemTable
from app.repositories.items import ItemRepository
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate


class SqlItemRepository(SqlRepository[Item, ItemCreate, ItemUpdate, ItemFilter], ItemRepository):
    entity = Item
    table = ItemTable

    def _conditions(self, query: ItemFilter) -> Iterator[ColumnElement[bool]]:
        if query.name_contains is not None:
{% if cookiecutter.database == "sqlite" %}
            # LIKE would ignore the case of the letters A to Z, and of no others.
            yield func.instr(ItemTable.name, query.name_contains) > 0
{% else %}
            yield ItemTable.name.contains(query.name_contains, autoescape=True)
{% endif %}
        if query.is_active is not None:
            yield ItemTable.is_active == query.is_active
