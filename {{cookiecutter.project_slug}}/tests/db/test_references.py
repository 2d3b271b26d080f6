"""What tables have that the items do without: references, and decimals."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Engine, ForeignKey, Table, insert, select

from app.db.repositories.items import SqlItemRepository
from app.db.session import SqlStore
from app.db.tables import Base
from app.repositories.errors import Dangling, InUse, Unavailable
from app.schemas.items import Item, ItemCreate


@pytest.fixture
def parts(database: Engine) -> Iterator[Table]:
    table = Table(
        "parts",
        Base.metadata,
        Column("item_id", ForeignKey("items.id", ondelete="RESTRICT")),
        Column("price", Base.registry.type_annotation_map[Decimal]),
    )
    table.create(database)
    yield table
    table.drop(database)
    Base.metadata.remove(table)


async def add_item(store: SqlStore) -> Item:
    async with store.write() as repositories:
        return await repositories.items.add(ItemCreate(name="bolt"))


async def add_part(store: SqlStore, parts: Table, **values: UUID | Decimal) -> None:
    async with store.writer.begin() as connection:
        await connection.execute(insert(parts).values(**values))


async def test_a_reference_to_nothing_is_dangling(sql_store: SqlStore, parts: Table) -> None:
    with pytest.raises(Dangling) as caught:
        await add_part(sql_store, parts, item_id=uuid4())
{% if cookiecutter.database == "sqlite" %}
    assert caught.value.fields == ()
{% else %}
    assert caught.value.fields == ("item_id",)
{% endif %}


async def test_what_is_referred_to_is_in_use(sql_store: SqlStore, parts: Table) -> None:
    item = await add_item(sql_store)
    await add_part(sql_store, parts, item_id=item.id)

    async def remove() -> None:
        async with sql_store.write() as repositories:
            await repositories.items.remove(item.id)

    with pytest.raises(InUse):
        await remove()
    async with sql_store.read() as repositories:
        assert await repositories.items.get(item.id) == item


async def test_many_are_read_by_their_ids_or_none(sql_store: SqlStore) -> None:
    item, gone = await add_item(sql_store), Unavailable("Gone.")
    async with sql_store.read() as repositories:
        assert isinstance(repositories.items, SqlItemRepository)
        assert await repositories.items.with_ids({item.id}, gone) == {item.id: item}
        assert await repositories.items.with_ids(set(), gone) == {}
        with pytest.raises(Unavailable):
            await repositories.items.with_ids({item.id, uuid4()}, gone)


@pytest.mark.parametrize("number", ["0", "0.0001", "-0.1", "99999999999999.9999"])
async def test_a_decimal_stays_exact(sql_store: SqlStore, parts: Table, number: str) -> None:
    await add_part(sql_store, parts, price=Decimal(number))
    async with sql_store.reader.connect() as connection:
        assert str(await connection.scalar(select(parts.c.price))) == f"{Decimal(number):.4f}"
