"""What `python -m app` does before and when it hands over to the server."""

import os
from typing import Any

import pytest
import uvicorn
from alembic import command
from sqlalchemy import Engine, inspect, text

from app.__main__ import main
from app.db.migrate import config
from app.settings import Settings
from tests.database import UNREACHABLE_URL


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, unmigrated: Settings) -> dict[str, Any]:
    """The options that the server is started with; it is not, and its database is empty."""
    monkeypatch.setenv("DATABASE_URL", unmigrated.database_url.get_secret_value())
    options: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **given: options.update(given, app=app))
    return options


def test_the_server_listens_where_the_environment_says(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104 - nothing is started
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("WORKERS", "3")
    main([])
    assert served["app"] == "app.main:create_app"
    assert (served["host"], served["port"], served["workers"]) == ("0.0.0.0", 9000, 3)  # noqa: S104
    assert served["reload"] is False


def test_development_migrates_first(served: dict[str, Any], database: Engine) -> None:
    main(["--reload"])
    assert served["reload"] is True
    assert inspect(database).has_table("items")


def test_production_leaves_migrating_to_the_deployment(
    served: dict[str, Any], database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    monkeypatch.setenv("AUTH", "none")
    main([])
    assert served
    assert not inspect(database).has_table("items")


def test_production_does_not_start_open_to_everybody_by_mistake(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_ENV", "production")
    with pytest.raises(SystemExit, match="AUTH=none"):
        main([])
    assert not served


@pytest.mark.parametrize("workers", [1, 2])
def test_several_workers_share_a_folder_for_their_metrics(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")  # now it will be as it was after this test
    monkeypatch.setenv("WORKERS", str(workers))
    main([])
    assert served["workers"] == workers
    assert ("PROMETHEUS_MULTIPROC_DIR" in os.environ) == (workers > 1)


def test_a_wrong_setting_is_named_and_nothing_starts(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(SystemExit) as caught:
        main([])
    first, *wrong = str(caught.value).splitlines()
    assert "not right" in first
    assert [line.partition(":")[0] for line in wrong] == ["PORT"]
    assert not served


def test_a_database_of_a_newer_service_is_told_and_nothing_starts(
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


def test_a_database_that_does_not_answer_is_told_and_nothing_starts(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", UNREACHABLE_URL)
    with pytest.raises(SystemExit, match="DATABASE_URL"):
        main([])
    assert not served
