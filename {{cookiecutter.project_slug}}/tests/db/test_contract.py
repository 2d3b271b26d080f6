"""What every implementation of the repositories does: the SQL one and the one in memory alike."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from app.repositories.errors import Conflict, NotFound, Stale
from app.repositories.store import Store
from app.schemas.items import Item, ItemCreate, ItemFilter, ItemUpdate
from app.schemas.pages import Page


async def add(store: Store, name: str, **fields: object) -> Item:
    async with store.write() as repositories:
        return await repositories.items.add(ItemCreate.model_validate({"name": name, **fields}))


async def get(store: Store, id_: UUID) -> Item:
    async with store.read() as repositories:
        return await repositories.items.get(id_)


async def find(store: Store, **query: object) -> Page[Item]:
    async with store.read() as repositories:
        return await repositories.items.find(ItemFilter.model_validate(query))


async def update(
    store: Store,
    item: Item,
    versions: set[int] | None = None,
    **fields: object,
) -> Item:
    async with store.write() as repositories:
        changes = ItemUpdate.model_validate(fields)
        return await repositories.items.update(item.id, changes, versions)


async def remove(store: Store, id_: UUID, versions: set[int] | None = None) -> None:
    async with store.write() as repositories:
        await repositories.items.remove(id_, versions)


def names(page: Page[Item]) -> list[str]:
    return [item.name for item in page.items]


async def test_an_added_item_can_be_found_by_its_id(store: Store) -> None:
    instant = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=-7)))
    added = await add(
        store,
        "Bölt 🔩",
        description="M8",
        quantity=2_147_483_647,
        is_active=False,
        available_from=instant,
    )
    found = await get(store, added.id)
    assert found == added
    assert found.id.version == 7
    assert found.created_at == found.updated_at
    assert found.available_from == instant
    assert found.available_from.tzinfo is UTC


async def test_an_item_needs_no_more_than_a_name(store: Store) -> None:
    item = await add(store, "bolt")
    assert (item.description, item.quantity, item.is_active) == (None, 0, True)
    assert item.available_from is None
    assert await get(store, item.id) == item


async def test_instants_at_the_edges_of_the_calendar_can_be_read_again(store: Store) -> None:
    for edge in ("0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z"):
        added = await add(store, edge, available_from=edge)
        found = await get(store, added.id)
        assert found.available_from == datetime.fromisoformat(edge)


async def test_what_was_never_added_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await get(store, uuid4())
    with pytest.raises(NotFound):
        await remove(store, uuid4())


async def test_a_name_can_be_added_only_once(store: Store) -> None:
    await add(store, "bolt")
    with pytest.raises(Conflict) as caught:
        await add(store, "bolt")
    assert caught.value.fields == ("name",)
    assert names(await find(store)) == ["bolt"]


async def test_an_item_cannot_be_renamed_to_a_taken_name(store: Store) -> None:
    await add(store, "bolt")
    nut = await add(store, "nut")
    with pytest.raises(Conflict):
        await update(store, nut, name="bolt")
    assert await get(store, nut.id) == nut


async def test_an_item_may_keep_its_own_name(store: Store) -> None:
    bolt = await add(store, "bolt")
    updated = await update(store, bolt, name="bolt")
    assert updated.name == "bolt"


async def test_an_update_changes_what_it_names_and_nothing_else(store: Store) -> None:
    item = await add(store, "bolt", description="M8", quantity=5)
    updated = await update(store, item, quantity=6)
    assert updated == item.model_copy(
        update={"quantity": 6, "version": 2, "updated_at": updated.updated_at}
    )
    assert updated.updated_at >= item.updated_at
    assert await get(store, item.id) == updated


async def test_an_update_to_none_clears_a_field(store: Store) -> None:
    item = await add(store, "bolt", description="M8", available_from="2026-01-01T00:00:00Z")
    cleared = await update(store, item, description=None, available_from=None)
    assert (cleared.description, cleared.available_from) == (None, None)


async def test_an_update_of_what_is_gone_is_not_found(store: Store) -> None:
    item = await add(store, "bolt")
    await remove(store, item.id)
    with pytest.raises(NotFound):
        await update(store, item, quantity=1)


async def test_a_stale_version_changes_nothing(store: Store) -> None:
    item = await add(store, "bolt")
    updated = await update(store, item, {item.version}, quantity=1)
    with pytest.raises(Stale):
        await update(store, item, {item.version}, quantity=2)
    with pytest.raises(Stale):
        await remove(store, item.id, {item.version})
    assert await get(store, item.id) == updated
    await remove(store, item.id, {item.version, updated.version})


async def test_a_removed_item_is_gone(store: Store) -> None:
    item = await add(store, "bolt")
    await remove(store, item.id)
    with pytest.raises(NotFound):
        await get(store, item.id)
    assert names(await find(store)) == []


async def test_an_error_rolls_back_all_that_its_block_wrote(store: Store) -> None:
    async def add_and_fail() -> None:
        async with store.write() as repositories:
            await repositories.items.add(ItemCreate(name="bolt"))
            await repositories.items.get(uuid4())

    with pytest.raises(NotFound):
        await add_and_fail()
    assert names(await find(store)) == []


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name"])
async def test_pages_hold_every_item_once_and_in_order(store: Store, sort: str) -> None:
    added = [await add(store, name) for name in ("b", "a", "B", "é", "z", "_", "\U0001f529")]
    expected = sorted(added, key=lambda item: getattr(item, sort.removeprefix("-")))
    if sort.startswith("-"):
        expected.reverse()

    seen, cursor = [], None
    while True:
        page = await find(store, sort=sort, limit=3, cursor=cursor)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names(Page(items=seen, next_cursor=None)) == [item.name for item in expected]


async def test_a_page_that_ends_with_the_list_has_no_next_one(store: Store) -> None:
    for name in ("a", "b"):
        await add(store, name)
    whole, half = await find(store, limit=2), await find(store, limit=1)
    assert whole.next_cursor is None
    assert half.next_cursor is not None


async def test_a_cursor_past_the_end_finds_an_empty_page(store: Store) -> None:
    for name in ("a", "b"):
        await add(store, name)
    page = await find(store, sort="name", limit=1)
    last = await find(store, sort="-name", limit=1)
    await remove(store, last.items[0].id)
    empty: Page[Item] = Page(items=[], next_cursor=None)
    assert await find(store, sort="name", cursor=page.next_cursor) == empty


async def test_a_cursor_outlives_its_item(store: Store) -> None:
    for name in ("a", "b", "c"):
        await add(store, name)
    page = await find(store, sort="name", limit=2)
    await remove(store, page.items[1].id)
    assert names(await find(store, sort="name", cursor=page.next_cursor)) == ["c"]


async def test_an_empty_list_is_an_empty_page(store: Store) -> None:
    page = await find(store)
    assert page.model_dump() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("%", ["100% wool"]),
        ("_", ["snake_case"]),
        ("\\", ["back\\slash"]),
        ("/", ["and/or"]),
        ("o", ["100% wool", "and/or"]),
        ("W", []),
        ("ß", ["Straße"]),
        ("", ["100% wool", "Straße", "and/or", "back\\slash", "snake_case"]),
        ("nothing like it", []),
    ],
)
async def test_name_contains_takes_every_character_as_it_is(
    store: Store,
    part: str,
    expected: list[str],
) -> None:
    for name in ("100% wool", "snake_case", "back\\slash", "and/or", "Straße"):
        await add(store, name)
    assert names(await find(store, name_contains=part, sort="name")) == expected


async def test_filters_work_together_and_across_pages(store: Store) -> None:
    for number in range(6):
        await add(store, f"bolt {number}", is_active=number % 2 == 0)
    await add(store, "nut")
    first = await find(store, name_contains="bolt", is_active=True, sort="name", limit=2)
    rest = await find(
        store,
        name_contains="bolt",
        is_active=True,
        sort="name",
        cursor=first.next_cursor,
    )
    assert names(first) + names(rest) == ["bolt 0", "bolt 2", "bolt 4"]
    assert names(await find(store, is_active=False, sort="-name")) == ["bolt 5", "bolt 3", "bolt 1"]
