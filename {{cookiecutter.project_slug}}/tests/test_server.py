"""`python -m app`: migrations, settings and server options."""

import os
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from alembic import command
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from app.__main__ import main
from app.db import migrate
from app.db.migrate import config
from app.settings import Settings
from tests.conftest import ROOT
from tests.database import UNREACHABLE_URL
from tests.ports import free_port


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, unmigrated: Settings) -> dict[str, Any]:
    """Records the server's options instead of starting it; the database has no tables."""
    monkeypatch.setenv("DATABASE_URL", unmigrated.database_url.get_secret_value())
    monkeypatch.setenv("PORT", str(free_port()))  # the service itself may be running
    options: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **kwargs: options.update(kwargs, app=app))
    return options


def test_the_environment_sets_the_server_options(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104 - no server is started
    monkeypatch.setenv("PORT", str(port := free_port()))
    monkeypatch.setenv("WORKERS", "3")
    main([])
    assert served["app"] == "app.main:create_app"
    assert (served["host"], served["port"], served["workers"]) == ("0.0.0.0", port, 3)  # noqa: S104
    assert served["reload"] is False
    assert served["loop"] == "app.server:SharingLoop"
    assert served["timeout_keep_alive"] > 60  # the idle timeout of most load balancers


def test_development_migrates_first(served: dict[str, Any], database: Engine) -> None:
    main(["--reload"])
    assert served["reload"] is True
    assert served["loop"] == "app.server:SharingLoop"
    assert served["reload_dirs"] == [str(ROOT / "app")]
    assert inspect(database).has_table("alembic_version")


def test_production_does_not_migrate(
    served: dict[str, Any], database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    monkeypatch.setenv("AUTH", "none")
    main([])
    assert served["loop"] != "app.server:SharingLoop"
    assert not inspect(database).has_table("alembic_version")


def test_production_does_not_start_with_several_heads(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(migrate.FOLDER, tmp_path / "migrations")
    (folder / "versions" / "branch.py").write_text("revision, down_revision = 'branch', None\n")
    monkeypatch.setenv("APP_ENV", "production")
    monkeypatch.setenv("AUTH", "none")
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "FOLDER", folder)
        with pytest.raises(SystemExit, match="join them with make migration-merge"):
            main([])
    assert not served


def test_production_does_not_start_without_authentication(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    with pytest.raises(SystemExit, match="AUTH=none"):
        main([])
    assert not served


def test_an_unavailable_address_is_reported(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for host in ("127.0.0.1", "nowhere.invalid", ".a"):
            monkeypatch.setenv("HOST", host)
            monkeypatch.setenv("PORT", port)
            with pytest.raises(SystemExit, match=re.escape(f"HOST={host} and PORT={port}: ")):
                main([])
    assert not served


@pytest.mark.parametrize("workers", [1, 2])
def test_several_workers_share_a_metrics_folder(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setenv("WORKERS", str(workers))
    main([])
    assert served["workers"] == workers
    assert ("PROMETHEUS_MULTIPROC_DIR" in os.environ) == (workers > 1)


def test_an_invalid_setting_is_reported(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(SystemExit) as caught:
        main([])
    first, *messages = str(caught.value).splitlines()
    assert "Invalid settings" in first
    assert [line.partition(":")[0] for line in messages] == ["PORT"]
    assert not served


def test_a_schema_of_a_newer_release_is_reported(
    served: dict[str, Any], unmigrated: Settings, database: Engine
) -> None:
    command.stamp(config(unmigrated), "head")
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    with pytest.raises(SystemExit, match=r"cannot be migrated.*newer"):
        main([])
    with database.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    assert not served


def test_errors_in_revisions_keep_their_traceback(served: dict[str, Any], database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("CREATE TABLE items (id INTEGER)"))
    with pytest.raises(DBAPIError, match="already exists"):
        main([])
    with database.begin() as connection:
        connection.execute(text("DROP TABLE items"))
    assert not served


def test_an_unreachable_database_is_reported(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE_URL)
    with pytest.raises(SystemExit, match="DATABASE_URL"):
        main([])
    assert not served
