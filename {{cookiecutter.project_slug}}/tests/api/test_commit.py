"""Responses report success only after the COMMIT."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from app.settings import Settings
from tests.api.client import URL, create, names, problem
from tests.database import ALLOW_COMMITS, REFUSE_COMMITS
from tests.widgets import create_app


def execute(database: Engine, statements: tuple[str, ...]) -> None:
    with database.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of a service with one connection, which shows what earlier requests left behind."""
    alone = settings.model_copy(update={"database_pool_size": 1})
    with TestClient(create_app(alone)) as client:
        yield client


def test_a_failed_commit_is_a_problem_and_stores_nothing(
    client: TestClient, database: Engine
) -> None:
    execute(database, REFUSE_COMMITS)
    responses = [client.post(URL, json={"name": "bolt"}) for _ in range(3)]
    listed = names(client.get(URL))
    execute(database, ALLOW_COMMITS)
    for response in responses:
        problem(response, 422)
    assert listed == []
    create(client, "bolt")
    assert names(client.get(URL)) == ["bolt"]
