"""Helpers for the tests of the API: marks, requests and assertions on responses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Engine, event

from app.api.users import current_user
from app.schemas.identity import User
from tests.conftest import application
from tests.factories import IdOf

# Cross-cutting tests use the widgets as their example.
URL = "/v1/widgets"

# For requests that are rejected before they reach a repository: one backend suffices.
in_memory = pytest.mark.in_memory
# For repositories without a fake: marks a test, or a whole file as `pytestmark = in_database`.
in_database = pytest.mark.in_database


def create(client: TestClient, name: str = "bolt", **fields: object) -> dict[str, Any]:
    response = client.post(URL, json={"name": name, **fields})
    assert response.status_code == 201, response.text
    widget: dict[str, Any] = response.json()
    return widget


def id_of_new(client: TestClient, **creators: Callable[[TestClient], dict[str, Any]]) -> IdOf:
    """Returns an `id_of` for factories that creates a new record for each reference."""

    def id_of(table: str, _: int) -> Any:
        return creators[table](client)["id"] if table in creators else None

    return id_of


def names(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [widget["name"] for widget in response.json()["items"]]


def found(client: TestClient, url: str, /, **query: str | bool | list[str]) -> list[str]:
    """Returns the ids in a list response."""
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
    """Returns location and field of each validation error."""
    return [(error["location"], error["field"]) for error in problem(response, 422)["errors"]]


@contextmanager
def as_user(client: TestClient, subject: str) -> Iterator[None]:
    """Sends the requests of the block as the user `subject`."""
    overrides = application(client).dependency_overrides
    overrides[current_user] = lambda: User(subject=subject, claims={})
    yield
    del overrides[current_user]


@contextmanager
def executed() -> Iterator[list[tuple[str, Any]]]:
    """Records each statement of the block, with its parameters, as passed to the driver."""
    sent: list[tuple[str, Any]] = []

    def listen(*args: Any) -> None:
        sent.append((args[2], args[3]))

    event.listen(Engine, "before_cursor_execute", listen)
    yield sent
    event.remove(Engine, "before_cursor_execute", listen)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Yields a list that contains the block's statements once the block has ended."""
    texts: list[str] = []
    with executed() as sent:
        yield texts
    texts += [statement for statement, _ in sent]
