"""The contract of repositories, which the SQL implementations and the fakes share."""

from datetime import UTC, datetime, timedelta, timezone
from operator import attrgetter
from uuid import UUID, uuid4

import pytest

from app.repositories.errors import Conflict, Nested, NotFound, ReadOnly, Stale, Unavailable
from app.repositories.store import Store
from app.schemas.pages import Page
from tests.widgets import Widget, WidgetCreate, WidgetFilter, WidgetUpdate, widgets_of


async def add(store: Store, name: str, **fields: object) -> Widget:
    new = WidgetCreate.model_validate({"name": name, **fields})
    async with store.write() as repositories:
        return await widgets_of(repositories).add(new)


async def get(store: Store, id_: UUID) -> Widget:
    async with store.read() as repositories:
        return await widgets_of(repositories).get(id_)


async def find(store: Store, **query: object) -> Page[Widget]:
    async with store.read() as repositories:
        return await widgets_of(repositories).find(WidgetFilter.model_validate(query))


async def update(
    store: Store,
    widget: Widget,
    versions: set[int] | None = None,
    **fields: object,
) -> Widget:
    async with store.write() as repositories:
        changes = WidgetUpdate.model_validate(fields)
        return await widgets_of(repositories).update(widget.id, changes, versions)


async def remove(store: Store, id_: UUID, versions: set[int] | None = None) -> None:
    async with store.write() as repositories:
        await widgets_of(repositories).remove(id_, versions)


def names(page: Page[Widget]) -> list[str]:
    return [widget.name for widget in page.items]


async def test_an_added_widget_can_be_found_by_its_id(store: Store) -> None:
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


async def test_a_widget_needs_only_a_name(store: Store) -> None:
    widget = await add(store, "bolt")
    assert (widget.description, widget.quantity, widget.is_active) == (None, 0, True)
    assert widget.available_from is None
    assert await get(store, widget.id) == widget


async def test_minimum_and_maximum_instants_can_be_read_back(store: Store) -> None:
    for edge in ("0001-01-02T00:00:00Z", "9999-12-30T00:00:00Z"):
        added = await add(store, edge, available_from=edge)
        found = await get(store, added.id)
        assert found.available_from == datetime.fromisoformat(edge)


async def test_an_unknown_id_is_not_found(store: Store) -> None:
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


async def test_a_widget_cannot_be_renamed_to_a_taken_name(store: Store) -> None:
    await add(store, "bolt")
    nut = await add(store, "nut")
    with pytest.raises(Conflict):
        await update(store, nut, name="bolt")
    assert await get(store, nut.id) == nut


async def test_a_widget_may_keep_its_own_name(store: Store) -> None:
    bolt = await add(store, "bolt")
    updated = await update(store, bolt, name="bolt")
    assert updated.name == "bolt"


async def test_an_update_changes_only_its_fields(store: Store) -> None:
    widget = await add(store, "bolt", description="M8", quantity=5)
    updated = await update(store, widget, quantity=6)
    assert updated == widget.model_copy(
        update={"quantity": 6, "version": 2, "updated_at": updated.updated_at}
    )
    assert updated.updated_at >= widget.updated_at
    assert await get(store, widget.id) == updated


async def test_an_update_to_none_clears_a_field(store: Store) -> None:
    widget = await add(store, "bolt", description="M8", available_from="2026-01-01T00:00:00Z")
    cleared = await update(store, widget, description=None, available_from=None)
    assert (cleared.description, cleared.available_from) == (None, None)


async def test_an_update_of_a_removed_widget_is_not_found(store: Store) -> None:
    widget = await add(store, "bolt")
    await remove(store, widget.id)
    with pytest.raises(NotFound):
        await update(store, widget, quantity=1)


async def test_a_stale_version_changes_nothing(store: Store) -> None:
    widget = await add(store, "bolt")
    updated = await update(store, widget, {widget.version}, quantity=1)
    with pytest.raises(Stale):
        await update(store, widget, {widget.version}, quantity=2)
    with pytest.raises(Stale):
        await remove(store, widget.id, {widget.version})
    assert await get(store, widget.id) == updated
    await remove(store, widget.id, {widget.version, updated.version})


async def test_a_removed_widget_is_not_found(store: Store) -> None:
    widget = await add(store, "bolt")
    await remove(store, widget.id)
    with pytest.raises(NotFound):
        await get(store, widget.id)
    assert names(await find(store)) == []


async def test_an_error_rolls_back_its_block(store: Store) -> None:
    async def add_and_fail() -> None:
        async with store.write() as repositories:
            await widgets_of(repositories).add(WidgetCreate(name="bolt"))
            await widgets_of(repositories).get(uuid4())

    with pytest.raises(NotFound):
        await add_and_fail()
    assert names(await find(store)) == []


@pytest.mark.parametrize(
    "sort",
    [
        ("created_at",),
        ("-created_at",),
        ("name",),
        ("-name",),
        ("quantity",),
        ("-quantity",),
        ("quantity", "name"),
        ("quantity", "-name"),
        ("-quantity", "name"),
        ("-quantity", "-created_at"),
        ("name", "-name"),
        (),
    ],
)
@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_contain_every_widget_once_and_in_order(
    store: Store, sort: tuple[str, ...], limit: int
) -> None:
    added = ("b", "a", "B", "é", "z", "_", "\U0001f529")
    expected = [await add(store, name, quantity=n % 3) for n, name in enumerate(added)]
    if sort and sort[-1].startswith("-"):
        expected.reverse()  # ids sort in the same direction
    for key in reversed(sort):
        field = attrgetter(key.removeprefix("-"))
        expected.sort(key=field, reverse=key.startswith("-"))

    listed, cursor = [], None
    while True:
        page = await find(store, sort=sort, limit=limit, cursor=cursor)
        listed += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names(Page(items=listed, next_cursor=None)) == [widget.name for widget in expected]


async def test_the_last_page_has_no_cursor(store: Store) -> None:
    for name in ("a", "b"):
        await add(store, name)
    full, half = await find(store, limit=2), await find(store, limit=1)
    assert full.next_cursor is None
    assert half.next_cursor is not None


async def test_a_cursor_past_the_end_finds_an_empty_page(store: Store) -> None:
    for name in ("a", "b"):
        await add(store, name)
    page = await find(store, sort=("name",), limit=1)
    last = await find(store, sort=("-name",), limit=1)
    await remove(store, last.items[0].id)
    empty: Page[Widget] = Page(items=[], next_cursor=None)
    assert await find(store, sort=("name",), cursor=page.next_cursor) == empty


async def test_a_cursor_outlives_its_widget(store: Store) -> None:
    for name in ("a", "b", "c"):
        await add(store, name)
    page = await find(store, sort=("name",), limit=2)
    await remove(store, page.items[1].id)
    assert names(await find(store, sort=("name",), cursor=page.next_cursor)) == ["c"]


async def test_an_empty_list_is_an_empty_page(store: Store) -> None:
    page = await find(store)
    assert page.model_dump() == {"items": [], "next_cursor": None}


async def test_lists_can_be_filtered_by_creation_time(store: Store) -> None:
    first, second, third = [await add(store, name) for name in ("a", "b", "c")]
    between = {"created_after": first.created_at, "created_before": third.created_at}
    assert names(await find(store, **between)) == ["b"]
    assert names(await find(store, created_after=second.created_at)) == ["c"]
    assert names(await find(store, created_before=second.created_at)) == ["a"]


async def test_the_total_counts_matches_on_all_pages(store: Store) -> None:
    for name in ("bolt 1", "bolt 2", "bolt 3", "nut"):
        await add(store, name)
    first = await find(store, name_contains="bolt", limit=2, total=True)
    rest = await find(store, name_contains="bolt", limit=2, total=True, cursor=first.next_cursor)
    assert (first.total, rest.total) == (3, 3)
    page = await find(store)
    assert "total" not in page.model_dump()


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
async def test_name_contains_has_no_wildcards(
    store: Store,
    part: str,
    expected: list[str],
) -> None:
    for name in ("100% wool", "snake_case", "back\\slash", "and/or", "Straße"):
        await add(store, name)
    assert names(await find(store, name_contains=part, sort=("name",))) == expected


async def test_filters_can_be_combined_and_apply_to_every_page(store: Store) -> None:
    for number in range(6):
        await add(store, f"bolt {number}", is_active=number % 2 == 0)
    await add(store, "nut")
    first = await find(store, name_contains="bolt", is_active=True, sort=("name",), limit=2)
    rest = await find(
        store,
        name_contains="bolt",
        is_active=True,
        sort=("name",),
        cursor=first.next_cursor,
    )
    assert names(first) + names(rest) == ["bolt 0", "bolt 2", "bolt 4"]
    assert names(await find(store, is_active=False, sort=("-name",))) == [
        "bolt 5",
        "bolt 3",
        "bolt 1",
    ]


async def test_a_nested_write_is_rejected(store: Store) -> None:
    async def add_in_two() -> None:
        async with store.write():
            await add(store, "bolt")

    message = r"store\.write\(\) inside store\.write\(\)"
    with pytest.raises((Nested, Unavailable), match=message):
        await add_in_two()
    await add(store, "bolt")


async def test_repositories_of_a_read_reject_writes(store: Store) -> None:
    widget = await add(store, "bolt")

    async def update_in_a_read() -> None:
        async with store.read() as repositories:
            await widgets_of(repositories).update(widget.id, WidgetUpdate(quantity=1))

    async def remove_in_a_read() -> None:
        async with store.read() as repositories:
            await widgets_of(repositories).remove(widget.id)

    for write in (update_in_a_read, remove_in_a_read):
        with pytest.raises(ReadOnly, match=r"use store\.write\(\)"):
            await write()
    assert await get(store, widget.id) == widget
