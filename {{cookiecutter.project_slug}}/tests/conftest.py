import os
from collections.abc import Iterator

import pytest
from alembic import command
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text

from app.db.migrate import config, upgrade
from app.db.tables import Base
from app.main import create_app
from app.settings import Settings
from tests.database import UNREACHABLE_URL, throwaway_database
from tests.fakes.store import InMemoryStore

# No setting of whoever runs the tests reaches them, least of all the database of the service.
Settings.model_config["env_file"] = None
for variable in Settings.model_fields:
    os.environ.pop(variable.upper(), None)
os.environ["DATABASE_URL"] = UNREACHABLE_URL


def settings_for(url: str) -> Settings:
    return Settings(database_url=SecretStr(url), database_timeout=1, allowed_hosts=("testserver",))


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """A real database for this run of the tests, at the newest revision."""
    with throwaway_database() as url:
        upgrade(settings_for(url))
        engine = create_engine(url, pool_pre_ping=True)
        yield engine
        engine.dispose()


def empty(database: Engine) -> None:
    with database.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


@pytest.fixture
def settings(database: Engine) -> Iterator[Settings]:
    """Settings whose database is empty, and is emptied again after the test.

    Deleting the few rows of a test is faster than a transaction around it, and leaves the code
    under test free to commit and to roll back.
    """
    yield settings_for(database.url.render_as_string(hide_password=False))
    empty(database)


@pytest.fixture
def unmigrated(settings: Settings, database: Engine) -> Iterator[Settings]:
    """Settings whose database has no tables until the test makes them."""
    command.downgrade(config(settings), "base")
    with database.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    yield settings
    upgrade(settings)


@pytest.fixture(params=["memory", "database"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Every test of the API runs on the repositories in memory and on those in the database."""
    if request.param == "memory":
        app = create_app(settings_for(UNREACHABLE_URL), InMemoryStore())
    else:
        app = create_app(request.getfixturevalue("settings"))
    with TestClient(app) as client:
        yield client


def application(client: TestClient) -> FastAPI:
    """What answers the client, for a test that adds a route to it."""
    assert isinstance(client.app, FastAPI)
    return client.app
