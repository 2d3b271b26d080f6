from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import Executable, exc, func, select, text, update

from app.db.base import is_in_either_case
{% if cookiecutter.database == "sqlite" %}
from app.db.session import SqlStore, current_write
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


async def test_updated_at_never_goes_back(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        widget = await widgets_of(repositories).add(WidgetCreate(name="bolt"))
    later = widget.updated_at + timedelta(hours=1)
    async with sql_store.writer.begin() as connection:
        await connection.execute(update(WidgetTable).values(updated_at=later))
    async with sql_store.write() as repositories:
        updated = await widgets_of(repositories).update(widget.id, WidgetUpdate(quantity=1))
    assert updated.updated_at == later


async def test_widgets_created_at_the_same_time_are_each_on_one_page(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        added = [await widgets_of(repositories).add(WidgetCreate(name=str(n))) for n in range(7)]
    same = {"created_at": added[0].created_at}
    async with sql_store.writer.begin() as connection:
        await connection.execute(update(WidgetTable).values(same))
    for sort, expected in (("created_at", added), ("-created_at", added[::-1])):
        listed, cursor = [], None
        for _ in range(4):
            async with sql_store.read() as repositories:
                query = {"sort": (sort,), "limit": 2, "cursor": cursor}
                page = await widgets_of(repositories).find(WidgetFilter.model_validate(query))
            listed += page.items
            cursor = page.next_cursor
        assert [widget.id for widget in listed] == [widget.id for widget in expected]
        assert cursor is None


async def test_a_session_times_out_waiting_for_a_connection(
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
async def test_a_writer_times_out_waiting_for_another(settings: Settings) -> None:
    store = WidgetSqlStore(settings.model_copy(update={"database_timeout": 0.05}))

    async def write_in_a_write() -> None:
        async with store.write() as first:
            await first.session.execute(text("SELECT 1"))
            current_write.set(None)  # as if in another request
            async with store.write() as second:
                await second.session.execute(text("SELECT 1"))

    with pytest.raises(Unavailable, match="other writers"):
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
async def test_a_read_rejects_writes(
    sql_store: SqlStore,
    snapshot: bool,
    statement: Executable,
) -> None:
    async def write() -> None:
        async with sql_store.read(snapshot=snapshot) as repositories:
            await repositories.session.execute(statement)

    with pytest.raises(ReadOnly):
        await write()


@pytest.mark.parametrize("snapshot", [True, False])
async def test_a_row_added_in_a_read_is_rejected(
    sql_store: SqlStore,
    snapshot: bool,
) -> None:
    async def add() -> None:
        async with sql_store.read(snapshot=snapshot) as repositories:
            repositories.session.add(WidgetTable(name="bolt", quantity=1, is_active=True))

    with pytest.raises(ReadOnly):
        await add()


async def test_a_row_needs_only_its_own_fields(sql_store: SqlStore) -> None:
    row = WidgetTable(name="bolt", quantity=1, is_active=True)
    async with sql_store.write() as repositories:
        repositories.session.add(row)
    async with sql_store.read() as repositories:
        widget = await widgets_of(repositories).get(row.id)
    assert (widget.id.version, widget.version) == (7, 1)
    assert widget.created_at == widget.updated_at
    assert Widget.model_validate(row) == widget


async def test_a_repository_sees_rows_added_to_the_session(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        row = WidgetTable(name="bolt", quantity=1, is_active=True)
        repositories.session.add(row)
        page = await widgets_of(repositories).find(WidgetFilter())
        assert [widget.name for widget in page.items] == ["bolt"]
        updated = await widgets_of(repositories).update(row.id, WidgetUpdate(quantity=2))
        assert (row.quantity, row.version) == (updated.quantity, updated.version) == (2, 2)


async def test_each_update_increments_the_version(sql_store: SqlStore) -> None:
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


async def test_the_second_of_two_concurrent_updates_is_rejected(sql_store: SqlStore) -> None:
    async with sql_store.write() as repositories:
        widget = await widgets_of(repositories).add(WidgetCreate(name="bolt"))
    async with sql_store.read() as repositories:
        row = await repositories.session.get_one(WidgetTable, widget.id)
    async with sql_store.write() as repositories:
        await widgets_of(repositories).update(widget.id, WidgetUpdate(quantity=1))

    async def change() -> None:
        async with sql_store.write() as repositories:
            repositories.session.add(row)
            row.quantity = 2

    with pytest.raises(Refused):
        await change()


async def test_a_caught_error_still_fails_the_block(
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
async def test_a_caught_statement_error_still_fails_the_block(sql_store: SqlStore) -> None:
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
async def test_a_block_cannot_commit_early(sql_store: SqlStore) -> None:
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
    ("value", "expected"), [("bOLT É", 1), ("Bolt É", 1), ("bolt é", 0), ("bolt", 0)]
)
async def test_is_in_either_case_ignores_the_case_of_ascii_letters(
    sql_store: SqlStore, value: str, expected: int
) -> None:
    async with sql_store.write() as repositories:
        await widgets_of(repositories).add(WidgetCreate(name="Bolt É"))
        same = select(func.count()).where(is_in_either_case(WidgetTable.name, value))
        assert await repositories.session.scalar(same) == expected
