from tests import environment

environment.clean()  # first of all: some libraries read variables as they are imported

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO
from unittest.mock import patch

import pytest
from alembic import command
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, text

from app.db.migrate import config, upgrade
from app.db.tables import Base
from app.repositories.store import Store
from app.settings import Settings
from tests.database import UNREACHABLE_URL, throwaway_database
from tests.widgets import create_app, create_widgets

ROOT = Path(__file__).parent.parent

# No test reads the settings of the developer, least of all the service's database.
Settings.model_config["env_file"] = None
os.environ["DATABASE_URL"] = UNREACHABLE_URL


def settings_for(url: str) -> Settings:
    # A machine that is busy with other things is no reason for a 503.
    return Settings(
        database_url=SecretStr(url), database_timeout=30, allowed_hosts=("testserver",), auth="none"
    )


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """No test leaves a variable behind for the next."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """A real database for this run of the tests, at the newest revision."""
    with throwaway_database() as url:
        upgrade(settings_for(url))
        engine = create_engine(url, pool_pre_ping=True)
        create_widgets(engine)
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
    """Settings whose database has none of the service's tables until the test creates them."""
    command.downgrade(config(settings), "base")
    with database.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    yield settings
    upgrade(settings)


# A team may delete tests/fakes: every test then runs on the database.
HAS_FAKES = (ROOT / "tests" / "fakes" / "store.py").is_file()
BACKENDS = ["memory", "database"] if HAS_FAKES else ["database"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test of the API and of the contract on both backends, or where its marks say."""
    if "backend" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        backends = BACKENDS
        if "in_database" in marks:
            backends = ["database"]
        elif "in_memory" in marks:
            backends = BACKENDS[:1]
        metafunc.parametrize("backend", backends)


def in_memory_store() -> Store:
    """Imported by name, so that nothing else needs the folder."""
    store: Store = import_module("tests.fakes.widgets").WidgetInMemoryStore()
    return store


@pytest.fixture
def client(backend: str, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    if backend == "memory":
        app = create_app(settings_for(UNREACHABLE_URL), in_memory_store())
    else:
        app = create_app(request.getfixturevalue("settings"))
    with TestClient(app) as client:
        yield client


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Python programs of this service, which end with the test at the latest.

    They run in an empty folder, away from the `.env` of the developer.
    """
    folder = tmp_path / "processes"
    folder.mkdir()
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, variables: dict[str, str], output: int | IO[str] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)} | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # so that what it starts can be killed with it
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with process:  # waits, and closes its pipe
            pass


def application(client: TestClient) -> FastAPI:
    """What answers the client, for a test that adds a route to it."""
    assert isinstance(client.app, FastAPI)
    return client.app
