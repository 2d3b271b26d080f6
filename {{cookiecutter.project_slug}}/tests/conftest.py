from tests import environment

environment.clean()  # comes first: some libraries read variables on import

import gc
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

# Otherwise a tenth of the run goes into searching the imported modules for garbage.
gc.freeze()
gc.set_threshold(50_000)

# Tests must not read the developer's settings, least of all the service's database.
Settings.model_config["env_file"] = None
os.environ["DATABASE_URL"] = UNREACHABLE_URL


def settings_for(url: str) -> Settings:
    # A long timeout: a busy machine must not cause 503s.
    return Settings(
        database_url=SecretStr(url), database_timeout=30, allowed_hosts=("testserver",), auth="none"
    )


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """Restores the environment variables after each test."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def database() -> Iterator[Engine]:
    """The real database of this test run, at the newest revision."""
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
    """Settings with an empty database, which is emptied again after the test.

    Deleting the few rows of a test is faster than a transaction around it, and the code under
    test can commit and roll back.
    """
    yield settings_for(database.url.render_as_string(hide_password=False))
    empty(database)


@pytest.fixture
def unmigrated(settings: Settings, database: Engine) -> Iterator[Settings]:
    """Settings with a database without the service's tables: the test creates them."""
    command.downgrade(config(settings), "base")
    with database.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    yield settings
    upgrade(settings)


# Teams may delete tests/fakes: every test then runs on the database.
HAS_FAKES = (ROOT / "tests" / "fakes" / "store.py").is_file()
BACKENDS = ["memory", "database"] if HAS_FAKES else ["database"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test that uses `backend` on both backends, unless its marks select one."""
    if "backend" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        backends = BACKENDS
        if "in_database" in marks:
            backends = ["database"]
        elif "in_memory" in marks:
            backends = BACKENDS[:1]
        metafunc.parametrize("backend", backends)


def in_memory_store() -> Store:
    """Returns the store of the fakes, imported here because teams may delete the folder."""
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
    """Starts Python programs of this service, and kills them after the test.

    They run in an empty folder, without the developer's `.env`.
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
            start_new_session=True,  # its child processes are killed with it
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with process:  # waits for it and closes its pipe
            pass


def application(client: TestClient) -> FastAPI:
    """Returns the application behind the client, so that tests can add routes."""
    assert isinstance(client.app, FastAPI)
    return client.app
