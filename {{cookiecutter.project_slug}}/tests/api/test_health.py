from unittest.mock import MagicMock

from alembic import command
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from app.db.migrate import config, head
from app.repositories.store import Store
from app.settings import Settings
from tests.api.client import problem
from tests.conftest import application, settings_for
from tests.database import UNREACHABLE_URL
from tests.widgets import create_app


def test_the_service_is_ready_if_its_database_responds(client: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        response = client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_without_a_database_the_service_is_live_but_not_ready() -> None:
    with TestClient(create_app(settings_for(UNREACHABLE_URL))) as client:
        assert client.get("/livez").status_code == 200
        response = client.get("/readyz")
        problem(response, 503)
        assert response.headers["retry-after"] == "1"
        problem(client.get("/v1/widgets"), 503)


def test_probes_accept_head_requests(client: TestClient) -> None:
    for path in ("/livez", "/readyz"):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")


def test_a_draining_service_is_live_but_not_ready(client: TestClient) -> None:
    app = application(client)
    app.state.draining = True
    assert client.get("/livez").status_code == 200
    problem(client.get("/readyz"), 503)
    response = client.get("/v1/widgets")
    assert (response.status_code, response.headers["connection"]) == (200, "close")


def test_the_store_is_closed_at_shutdown() -> None:
    store = MagicMock(spec=Store)
    with TestClient(create_app(settings_for(UNREACHABLE_URL), store)) as client:
        assert client.get("/readyz").status_code == 200
        store.close.assert_not_called()
    store.close.assert_called_once_with()


def test_a_service_without_tables_is_not_ready(unmigrated: Settings) -> None:
    with TestClient(create_app(unmigrated)) as client:
        problem(client.get("/readyz"), 503)


def test_a_service_with_an_older_schema_is_not_ready(
    settings: Settings,
) -> None:
    command.stamp(config(settings), "base")
    with TestClient(create_app(settings)) as client:
        behind = client.get("/readyz")
        command.stamp(config(settings), "head")
        problem(behind, 503)
        assert client.get("/readyz").status_code == 200


def test_a_service_with_a_newer_schema_is_ready(settings: Settings, database: Engine) -> None:
    with TestClient(create_app(settings)) as client:
        set_revision(database, "of_the_next_release")
        ahead = client.get("/readyz")
        set_revision(database, head())
    assert ahead.status_code == 200


def set_revision(database: Engine, revision: str | None) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
