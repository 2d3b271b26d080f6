"""What happens to a request before any route sees it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
{% if cookiecutter.concurrency == "sync" %}
from threading import Barrier, Event
{% else %}
from threading import Event
{% endif %}
from unittest.mock import AsyncMock

import pytest
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from app.api.middleware import BodyLimit
{% if cookiecutter.concurrency == "sync" %}
from app.api.threads import ThreadRouter
{% endif %}
from app.main import create_app
from tests.api.client import URL, create, in_memory, problem
from tests.conftest import application, settings_for
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
    app = application(client)
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


{% if cookiecutter.concurrency == "sync" %}
def test_every_request_that_is_let_in_has_a_thread() -> None:
    limits = {"database_pool_size": 50, "database_max_overflow": 0}
    app = create_app(settings_for(UNREACHABLE_URL).model_copy(update=limits), InMemoryStore())
    router, all_are_here = ThreadRouter(), Barrier(50)

    @router.get("/together")
    def together() -> None:
        all_are_here.wait(timeout=5)

    app.include_router(router)
    with TestClient(app) as client, ThreadPoolExecutor(50) as clients:
        answers = [*clients.map(client.get, ["/together"] * 50)]
    assert {answer.status_code for answer in answers} == {200}


{% endif %}
def test_probes_are_answered_however_many_requests_there_are(busy: TestClient) -> None:
    with a_request_in_work(busy):
        assert busy.get("/livez").status_code == 200
        assert busy.get("/readyz").status_code == 200


def test_an_error_makes_room_for_the_next_request(busy: TestClient) -> None:
    app = application(busy)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    for _ in range(3):
        problem(busy.get("/broken"), 500)


def test_who_reads_slowly_has_no_place_any_more(busy: TestClient) -> None:
    app = application(busy)

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


def test_a_body_that_does_not_end_is_refused() -> None:
    app, send = AsyncMock(), AsyncMock()
    scope = {"type": "http", "headers": [], "method": "POST"}
    slow = AsyncMock(side_effect=partial(asyncio.sleep, 10))
    asyncio.run(BodyLimit(app, limit=10, timeout=0.05)(scope, slow, send))
    app.assert_not_called()
    assert send.await_args_list[0].args[0]["status"] == 408


@in_memory
def test_a_host_that_is_not_ours_is_refused(client: TestClient) -> None:
    assert client.get(URL, headers={"Host": "evil.example"}).status_code == 400
    assert client.get(URL, headers={"Host": ""}).status_code == 400
    for path in ("/livez", "/readyz", "/metrics"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


ORIGIN = "https://shop.example"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}


@in_memory
def test_no_other_origin_may_read_the_answers(client: TestClient) -> None:
    for response in (client.get(URL, headers=PREFLIGHT), client.options(URL, headers=PREFLIGHT)):
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_an_origin_that_is_named_may() -> None:
    settings = settings_for(UNREACHABLE_URL).model_copy(update={"cors_origins": (ORIGIN,)})
    with TestClient(create_app(settings, InMemoryStore())) as client:
        allowed = client.options(URL, headers=PREFLIGHT).headers
        assert allowed["access-control-allow-origin"] == ORIGIN
        assert "PATCH" in allowed["access-control-allow-methods"]
        answer = client.get(URL, headers={"Origin": ORIGIN}).headers
        assert "ETag" in answer["access-control-expose-headers"]
        other = client.get(URL, headers={"Origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in other
