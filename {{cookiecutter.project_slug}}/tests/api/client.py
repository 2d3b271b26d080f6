"""What the tests of the API ask for, and how they read the answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, event

# The items are there for the tests of all that is not about one resource alone.
URL = "/v1/items"

# What is refused before it reaches a repository does not need to be sent to both.
in_memory = pytest.mark.parametrize("client", ["memory"], indirect=True)
in_database = pytest.mark.parametrize("client", ["database"], indirect=True)


def create(client: TestClient, name: str = "bolt", **fields: object) -> dict[str, Any]:
    response = client.post(URL, json={"name": name, **fields})
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    return item


def names(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


def found(client: TestClient, url: str, /, **query: str | bool) -> list[str]:
    """The ids of what a list has."""
    response = client.get(url, params=query)
    assert response.status_code == 200, response.text
    return [entity["id"] for entity in response.json()["items"]]


def problem(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    return body


def wrong_fields(response: Response) -> list[tuple[str, str]]:
    """Where an invalid request went wrong."""
    return [(error["location"], error["field"]) for error in problem(response, 422)["errors"]]


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that the database is sent in the block."""
    told: list[str] = []

    def listen(*given: Any) -> None:
        told.append(given[2])

    event.listen(Engine, "before_cursor_execute", listen)
    yield told
    event.remove(Engine, "before_cursor_execute", listen)
