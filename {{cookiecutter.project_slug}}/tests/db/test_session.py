from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Executable, exc, func, select, text, update

from app.db.base import is_in_either_case
{% if cookiecutter.database == "sqlite" %}
from app.db.session import SqlStore, writing
{% else %}
from app.db.session import SqlStore
{% endif %}
from app.repositories.errors import Conflict, ReadOnly, Refused, RolledBack, Unavailable
from app.repositories.store import Repositories
from app.settings import Settings
from tests.widgets import (
    Widget,
    WidgetCreate,
    WidgetFilter,
    WidgetSqlStore,
    WidgetTable,
    WidgetUpdate,
    widgets_of,
)


async def test_an_update_does_not_set_the_clock_of_a_widget_back(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        widget = await widgets_of(repositories).add(WidgetCreate(name="bolt"))
    later = widget.updated_at + timedelta(hours=1)
    async with sql_store.writer.begin() as connection:
        await connection.execute(update(WidgetTable).values(updated_at=later))
    async with sql_store.write() as repositories:
        updated = await widgets_of(repositories).update(widget.id, WidgetUpdate(quantity=1))
    assert updated.updated_at == later


async def test_widgets_of_one_instant_are_each_on_one_page(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        added = [await widgets_of(repositories).add(WidgetCreate(name=str(n))) for n in range(7)]
    same = {"created_at": added[0].created_at}
    async with sql_store.writer.begin() as connection:
        await connection.execute(update(WidgetTable).values(same))
    for sort, expected in (("created_at", added), ("-created_at", added[::-1])):
        seen, cursor = [], None
        for _ in range(4):
            async with sql_store.read() as repositories:
                query = {"sort": (sort,), "limit": 2, "cursor": cursor}
                page = await widgets_of(repositories).find(WidgetFilter.model_validate(query))
            seen += page.items
            cursor = page.next_cursor
        assert [widget.id for widget in seen] == [widget.id for widget in expected]
        assert cursor is None


async def test_a_session_that_finds_no_free_connection_is_told_to_come_back(
    settings: Settings,
) -> None:
    limits = {"database_pool_size": 1, "database_pool_timeout": 0.05}
    store = WidgetSqlStore(settings.model_copy(update=limits))

    async def read_in_a_read() -> None:
        async with store.read(), store.read():
            pass

    with pytest.raises(Unavailable):
        await read_in_a_read()
    async with store.read() as repositories:
        await widgets_of(repositories).find(WidgetFilter())
    await store.close()


{% if cookiecutter.database == "sqlite" %}
async def test_a_writer_waits_for_the_one_before_and_not_for_ever(settings: Settings) -> None:
    store = WidgetSqlStore(settings.model_copy(update={"database_timeout": 0.05}))

    async def write_in_a_write() -> None:
        async with store.write() as first:
            await first.session.execute(text("SELECT 1"))
            writing.set(None)  # as if in another request
            async with store.write() as second:
                await second.session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable, match="writers before"):
        await write_in_a_write()
    async with store.write() as repositories:
        await widgets_of(repositories).find(WidgetFilter())
    await store.close()


{% endif %}
async def test_a_read_sees_one_snapshot(sql_store: SqlStore) -> None:
    async with sql_store.read() as repositories:
        widgets = widgets_of(repositories)
        before = await widgets.find(WidgetFilter())
        async with sql_store.write() as others:
            await widgets_of(others).add(WidgetCreate(name="bolt"))
        assert await widgets.find(WidgetFilter()) == before
        assert await repositories.session.scalar(select(func.count(WidgetTable.id))) == 0
    async with sql_store.read() as repositories:
        assert await repositories.session.scalar(select(func.count(WidgetTable.id))) == 1


@pytest.mark.parametrize("snapshot", [True, False])
@pytest.mark.parametrize(
    "statement",
    [update(WidgetTable).values(quantity=2), text("DELETE FROM widgets")],
    ids=["an update", "text"],
)
async def test_a_read_refuses_to_write(
    sql_store: SqlStore, snapshot: bool, statement: Executable
) -> None:
    async def write() -> None:
        async with sql_store.read(snapshot=snapshot) as repositories:
            await repositories.session.execute(statement)

    with pytest.raises(ReadOnly):
        await write()


@pytest.mark.parametrize("snapshot", [True, False])
async def test_an_entity_that_is_added_in_a_read_is_refused(
    sql_store: SqlStore,
    snapshot: bool,
) -> None:
    async def add() -> None:
        async with sql_store.read(snapshot=snapshot) as repositories:
            repositories.session.add(WidgetTable(name="bolt", quantity=1, is_active=True))

    with pytest.raises(ReadOnly):
        await add()


async def test_an_entity_needs_no_more_than_its_own_fields(sql_store: SqlStore) -> None:
    row = WidgetTable(name="bolt", quantity=1, is_active=True)
    async with sql_store.write() as repositories:
        repositories.session.add(row)
    async with sql_store.read() as repositories:
        widget = await widgets_of(repositories).get(row.id)
    assert (widget.id.version, widget.version) == (7, 1)
    assert widget.created_at == widget.updated_at
    assert Widget.model_validate(row) == widget


async def test_a_repository_sees_what_the_session_has_added(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        row = WidgetTable(name="bolt", quantity=1, is_active=True)
        repositories.session.add(row)
        page = await widgets_of(repositories).find(WidgetFilter())
        assert [widget.name for widget in page.items] == ["bolt"]
        updated = await widgets_of(repositories).update(row.id, WidgetUpdate(quantity=2))
        assert (row.quantity, row.version) == (updated.quantity, updated.version) == (2, 2)


async def test_each_change_makes_a_new_version(sql_store: SqlStore) -> None:
    row = WidgetTable(name="bolt", quantity=1, is_active=True)
    async with sql_store.write() as repositories:
        repositories.session.add(row)
    async with sql_store.write() as repositories:
        changed = await repositories.session.get_one(WidgetTable, row.id)
        changed.quantity = 2
    async with sql_store.write() as repositories:
        await repositories.session.execute(update(WidgetTable).values(quantity=3))
    async with sql_store.read() as repositories:
        widget = await widgets_of(repositories).get(row.id)
    assert (widget.quantity, widget.version) == (3, 3)
    assert widget.updated_at > widget.created_at


async def test_of_two_changes_to_one_entity_the_second_is_refused(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        widget = await widgets_of(repositories).add(WidgetCreate(name="bolt"))
    async with sql_store.read() as repositories:
        seen = await repositories.session.get_one(WidgetTable, widget.id)
    async with sql_store.write() as repositories:
        await widgets_of(repositories).update(widget.id, WidgetUpdate(quantity=1))

    async def change() -> None:
        async with sql_store.write() as repositories:
            repositories.session.add(seen)
            seen.quantity = 2

    with pytest.raises(Refused):
        await change()


async def test_an_error_that_was_caught_does_not_end_as_if_all_were_stored(
    sql_store: SqlStore,
) -> None:
    async def add_twice() -> None:
        async with sql_store.write() as repositories:
            await widgets_of(repositories).add(WidgetCreate(name="bolt"))
            with suppress(Conflict):
                await widgets_of(repositories).add(WidgetCreate(name="bolt"))

    with pytest.raises(RolledBack):
        await add_twice()
    async with sql_store.write() as repositories:
        await widgets_of(repositories).add(WidgetCreate(name="bolt"))


{% if cookiecutter.database == "postgres" %}
async def test_nor_does_that_of_a_statement(sql_store: SqlStore) -> None:
    async def go_on() -> None:
        async with sql_store.write() as repositories:
            await widgets_of(repositories).add(WidgetCreate(name="bolt"))
            with suppress(exc.DBAPIError):
                await repositories.session.execute(text("SELECT 1 / 0"))

    with pytest.raises(RolledBack):
        await go_on()
    async with sql_store.write() as repositories:
        await widgets_of(repositories).add(WidgetCreate(name="bolt"))


{% endif %}
async def test_a_block_commits_at_its_end_and_not_before(sql_store: SqlStore) -> None:
    async def commit_early() -> None:
        async with sql_store.write() as repositories:
            await repositories.session.commit()
            await widgets_of(repositories).find(WidgetFilter())

    with pytest.raises(exc.InvalidRequestError, match="closed transaction"):
        await commit_early()


async def test_a_savepoint_may_be_rolled_back_alone(sql_store: SqlStore) -> None:
    async def try_to_add(repositories: Repositories) -> None:
        async with repositories.session.begin_nested():
            await widgets_of(repositories).add(WidgetCreate(name="nut"))
            await widgets_of(repositories).add(WidgetCreate(name="bolt"))

    async with sql_store.write() as repositories:
        await widgets_of(repositories).add(WidgetCreate(name="bolt"))
        with pytest.raises(Conflict):
            await try_to_add(repositories)
    async with sql_store.read() as repositories:
        page = await widgets_of(repositories).find(WidgetFilter())
    assert [widget.name for widget in page.items] == ["bolt"]


@pytest.mark.parametrize(
    ("asked", "expected"), [("bOLT É", 1), ("Bolt É", 1), ("bolt é", 0), ("bolt", 0)]
)
async def test_letters_of_either_case_are_the_same(
    sql_store: SqlStore, asked: str, expected: int
) -> None:
    async with sql_store.write() as repositories:
        await widgets_of(repositories).add(WidgetCreate(name="Bolt É"))
        same = select(func.count()).where(is_in_either_case(WidgetTable.name, asked))
        assert await repositories.session.scalar(same) == expected
