"""What happens to a request before any route sees it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from unittest.mock import AsyncMock

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app.api.middleware import BodyLimit
from app.main import create_app
from tests.api.test_items import URL, create, problem
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL
from tests.fakes.store import InMemoryStore


@pytest.fixture
def busy() -> Iterator[TestClient]:
    """A service that can work on one request at a time."""
    limits = {"database_pool_size": 1, "database_pool_timeout": 0.05}
    settings = settings_for(UNREACHABLE_URL).model_copy(update=limits)
    with TestClient(create_app(settings, InMemoryStore())) as client:
        yield client


@contextmanager
def a_request_in_work(client: TestClient) -> Iterator[None]:
    app = client.app
    assert isinstance(app, FastAPI)
    begun, end = Event(), Event()

    @app.get("/slow")
    def slow() -> None:
        begun.set()
        end.wait()

    with ThreadPoolExecutor() as clients:
        response = clients.submit(client.get, "/slow")
        begun.wait()
        try:
            yield
        finally:
            end.set()
        assert response.result().status_code == 200


def test_one_request_too_many_is_told_to_come_back(busy: TestClient) -> None:
    with a_request_in_work(busy):
        response = busy.get(URL)
        problem(response, 503)
        assert response.headers["retry-after"] == "1"
    create(busy)


def test_probes_are_answered_however_many_requests_there_are(busy: TestClient) -> None:
    with a_request_in_work(busy):
        assert busy.get("/livez").status_code == 200
        assert busy.get("/readyz").status_code == 200


def test_an_error_makes_room_for_the_next_request(busy: TestClient) -> None:
    app = busy.app
    assert isinstance(app, FastAPI)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    for _ in range(3):
        problem(busy.get("/broken"), 500)


def test_who_reads_slowly_has_no_place_any_more(busy: TestClient) -> None:
    app = busy.app
    assert isinstance(app, FastAPI)

    @app.get("/stream")
    def stream() -> StreamingResponse:
        # While the answer is under way, another request is served.
        return StreamingResponse(str(busy.get(path).status_code) for path in (URL, URL))

    assert busy.get("/stream").text == "200200"


def test_a_client_that_leaves_before_its_body_is_there_reaches_no_route() -> None:
    app, send = AsyncMock(), AsyncMock()
    part = {"type": "http.request", "body": b"{", "more_body": True}
    receive = AsyncMock(side_effect=[part, {"type": "http.disconnect"}])
    asyncio.run(BodyLimit(app, limit=10, timeout=1)({"type": "http", "headers": []}, receive, send))
    app.assert_not_called()
    send.assert_not_called()
