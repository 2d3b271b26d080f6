"""Tables with references and decimals, which widgets do not have."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, exc, insert, select

from app.db.session import SqlStore
from app.db.sql.base import attribute
from app.repositories.errors import Conflict, InUse, MissingReference
from app.schemas.pages import Query
from tests.api.client import statements
from tests.widgets import (
    Part,
    PartCreate,
    PartStep,
    PartStepTable,
    PartTable,
    PartUpdate,
    SqlPartRepository,
    Widget,
    WidgetCreate,
    WidgetTable,
    widgets_of,
)


async def add_widget(store: SqlStore, name: str = "bolt") -> Widget:
    async with store.write() as repositories:
        return await widgets_of(repositories).add(WidgetCreate(name=name))


async def add_part(store: SqlStore, widget_id: UUID) -> Part:
    async with store.write() as repositories:
        parts = SqlPartRepository(repositories.session)
        return await parts.add(PartCreate(widget_id=widget_id))


async def test_an_entity_includes_its_references(sql_store: SqlStore) -> None:
    bolt, nut = await add_widget(sql_store), await add_widget(sql_store, "nut")
    part = await add_part(sql_store, bolt.id)
    assert part.widget == bolt
    async with sql_store.write() as repositories:
        parts = SqlPartRepository(repositories.session)
        changed = await parts.update(part.id, PartUpdate(widget_id=nut.id))
        assert (changed.widget, changed.version) == (nut, 2)
        assert await parts.get(part.id) == changed
        numbered = await parts.update(part.id, PartUpdate(serial=7))
    assert numbered.widget == nut


async def test_an_entity_includes_its_linked_ids(sql_store: SqlStore) -> None:
    bolt, nut = await add_widget(sql_store), await add_widget(sql_store, "nut")
    async with sql_store.write() as repositories:
        parts = SqlPartRepository(repositories.session)
        part = await parts.add(PartCreate(widget_id=bolt.id, spare_ids=(nut.id, bolt.id)))
        assert part.spare_ids == (bolt.id, nut.id)
        changed = await parts.update(part.id, PartUpdate(spare_ids=(nut.id,)))
        assert (changed.spare_ids, changed.version) == ((nut.id,), 2)
        numbered = await parts.update(part.id, PartUpdate(serial=7))
        assert numbered.spare_ids == (nut.id,)
    async with sql_store.write() as repositories:
        await widgets_of(repositories).remove(nut.id)
    async with sql_store.read() as repositories:
        assert await SqlPartRepository(repositories.session).get(part.id) == numbered.model_copy(
            update={"spare_ids": ()}
        )


async def test_an_unknown_link_is_a_missing_reference(sql_store: SqlStore) -> None:
    widget = await add_widget(sql_store)

    async def add() -> None:
        async with sql_store.write() as repositories:
            new = PartCreate(widget_id=widget.id, spare_ids=(widget.id, uuid4()))
            await SqlPartRepository(repositories.session).add(new)

    with pytest.raises(MissingReference) as caught:
        await add()
    assert caught.value.fields == ("spare_ids",)


async def test_children_keep_their_order(sql_store: SqlStore) -> None:
    bolt, nut = await add_widget(sql_store), await add_widget(sql_store, "nut")
    first, second = PartStep(widget_id=nut.id), PartStep(widget_id=bolt.id)
    async with sql_store.write() as repositories:
        parts = SqlPartRepository(repositories.session)
        part = await parts.add(PartCreate(widget_id=bolt.id, steps=(first, second, second)))
        assert part.steps == (first, second, second)
        row = await repositories.session.get_one(PartTable, part.id)
        changed = await parts.update(part.id, PartUpdate(steps=(second, first)))
        assert (changed.steps, changed.version) == ((second, first), 2)
        assert [step.widget_id for step in row.steps] == [bolt.id, nut.id]
        numbered = await parts.update(part.id, PartUpdate(serial=7))
        assert numbered.steps == (second, first)
    async with sql_store.write() as repositories:
        await SqlPartRepository(repositories.session).remove(part.id)
        assert await repositories.session.scalar(select(PartStepTable)) is None


async def test_an_unknown_reference_of_a_child_is_a_missing_reference(sql_store: SqlStore) -> None:
    widget = await add_widget(sql_store)

    async def add() -> None:
        async with sql_store.write() as repositories:
            steps = (PartStep(widget_id=widget.id), PartStep(widget_id=uuid4()))
            new = PartCreate(widget_id=widget.id, steps=steps)
            await SqlPartRepository(repositories.session).add(new)

    with pytest.raises(MissingReference) as caught:
        await add()
    assert caught.value.fields == ("steps",)


async def test_a_page_takes_one_statement_and_one_per_list(sql_store: SqlStore) -> None:
    for number in range(3):
        widget = await add_widget(sql_store, f"bolt {number}")
        part = await add_part(sql_store, widget.id)
        async with sql_store.write() as repositories:
            parts = SqlPartRepository(repositories.session)
            step = PartStep(widget_id=widget.id)
            await parts.update(part.id, PartUpdate(spare_ids=(widget.id,), steps=(step,)))
    async with sql_store.read() as repositories:
        parts = SqlPartRepository(repositories.session)
        with statements() as sent:
            page = await parts.find(Query(sort=("created_at",)))
    assert len({part.widget.name for part in page.items}) == 3
    assert len([statement for statement in sent if statement.startswith("SELECT")]) == 3


async def test_lazy_loading_raises_an_error(sql_store: SqlStore) -> None:
    widget = await add_widget(sql_store)
    part = await add_part(sql_store, widget.id)
    async with sql_store.read() as repositories:
        row = await repositories.session.get_one(PartTable, part.id)
        with pytest.raises(exc.InvalidRequestError, match="raise"):
            _ = row.widget


async def test_an_unknown_reference_is_a_missing_reference(sql_store: SqlStore) -> None:
    with pytest.raises(MissingReference) as caught:
        await add_part(sql_store, uuid4())
    assert caught.value.fields == ("widget_id",)


async def test_the_database_enforces_references(sql_store: SqlStore) -> None:
    async def add_row() -> None:
        async with sql_store.write() as repositories:
            repositories.session.add(PartTable(widget_id=uuid4()))

    with pytest.raises(MissingReference):
        await add_row()


async def test_a_referenced_record_is_in_use(sql_store: SqlStore) -> None:
    widget = await add_widget(sql_store)
    await add_part(sql_store, widget.id)

    async def remove() -> None:
        async with sql_store.write() as repositories:
            await widgets_of(repositories).remove(widget.id)

    with pytest.raises(InUse):
        await remove()
    async with sql_store.read() as repositories:
        assert await widgets_of(repositories).get(widget.id) == widget


async def test_a_conflict_of_a_unique_index_names_its_field(sql_store: SqlStore) -> None:
    widget = await add_widget(sql_store)

    async def add_rows() -> None:
        async with sql_store.write() as repositories:
            repositories.session.add(PartTable(widget_id=widget.id, serial=1))
            repositories.session.add(PartTable(widget_id=widget.id, serial=1))

    with pytest.raises(Conflict) as caught:
        await add_rows()
    assert caught.value.fields == ("serial",)


async def test_a_conflict_in_an_unknown_table_names_no_field(
    sql_store: SqlStore,
    database: Engine,
) -> None:
    table = Table("audit", MetaData(), Column("entry", Integer, unique=True))
    table.create(database)

    async def add_entry() -> None:
        async with sql_store.writer.begin() as connection:
            await connection.execute(insert(table).values(entry=1))

    await add_entry()
    with pytest.raises(Conflict) as caught:
        await add_entry()
    table.drop(database)
    assert caught.value.fields == ()


@pytest.mark.parametrize("number", ["0", "0.0001", "-0.1", "99999999999999.9999"])
async def test_a_decimal_stays_exact(sql_store: SqlStore, number: str) -> None:
    widget = await add_widget(sql_store)
    async with sql_store.write() as repositories:
        repositories.session.add(PartTable(widget_id=widget.id, price=Decimal(number)))
    async with sql_store.read() as repositories:
        price = await repositories.session.scalar(select(PartTable.price))
    assert str(price) == f"{Decimal(number):.4f}"


def test_a_column_without_a_mapped_class_is_returned_unchanged() -> None:
    links = Table("links", MetaData(), Column("id"))
    assert attribute(links.c.id) is links.c.id
    assert attribute(WidgetTable.__table__.c.id) is WidgetTable.id
