from collections.abc import AsyncIterator

import pytest

from app.db.session import SqlStore
from app.repositories.store import Store
from app.settings import Settings
from tests.conftest import in_memory_store
from tests.widgets import WidgetSqlStore
{% if cookiecutter.concurrency == "async" %}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
{% endif %}


@pytest.fixture
async def sql_store(settings: Settings) -> AsyncIterator[SqlStore]:
    store = WidgetSqlStore(settings)
    yield store
    await store.close()


@pytest.fixture
def store(backend: str, request: pytest.FixtureRequest) -> Store:
    """The store of the backend: tests of the contract run on fakes and on the database."""
    if backend == "memory":
        return in_memory_store()
    store: Store = request.getfixturevalue("sql_store")
    return store
