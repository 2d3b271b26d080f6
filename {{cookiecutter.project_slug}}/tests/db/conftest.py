from collections.abc import AsyncIterator

import pytest

from app.db.session import SqlStore
from app.repositories.store import Store
from app.settings import Settings
from tests.fakes.store import InMemoryStore
{% if cookiecutter.concurrency == "async" %}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
{% endif %}


@pytest.fixture
async def sql_store(settings: Settings) -> AsyncIterator[SqlStore]:
    store = SqlStore(settings)
    yield store
    await store.close()


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest) -> Store:
    """Every test of the contract runs on both implementations."""
    made: Store = (
        InMemoryStore() if request.param == "memory" else request.getfixturevalue("sql_store")
    )
    return made
