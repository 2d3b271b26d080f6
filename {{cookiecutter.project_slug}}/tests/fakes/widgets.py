from app.repositories.store import Repositories
from tests.fakes.base import InMemoryRepository
from tests.fakes.store import InMemoryStore, Tables
from tests.widgets import (
    Widget,
    WidgetCreate,
    WidgetFilter,
    WidgetRepository,
    WidgetUpdate,
    with_widgets,
)


class InMemoryWidgetRepository(
    InMemoryRepository[Widget, WidgetCreate, WidgetUpdate, WidgetFilter], WidgetRepository
):
    entity = Widget
    unique = ("name",)

    def _matches(self, row: Widget, query: WidgetFilter) -> bool:
        return (query.name_contains is None or query.name_contains in row.name) and (
            query.is_active is None or query.is_active == row.is_active
        )


class WidgetInMemoryStore(InMemoryStore):
    def repositories(self, tables: Tables) -> Repositories:
        widgets = InMemoryWidgetRepository(tables["widgets"])
        return with_widgets(super().repositories(tables), widgets)
