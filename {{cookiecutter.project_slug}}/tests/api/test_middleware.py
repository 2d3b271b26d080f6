"""Middleware: limits, timeouts, hosts, CORS and proxies."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
{% if cookiecutter.concurrency == "sync" %}
from threading import Barrier, Event
{% else %}
from threading import Event
{% endif %}
from time import sleep
from typing import Any
from unittest.mock import AsyncMock

import pytest
from fastapi import BackgroundTasks, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.middleware import MAX_IN_MEMORY, BodyLimit, Deadline, RateLimit
from app.api.paths import BODY_LIMITS
from app.api.users import ANONYMOUS
from app.settings import Settings
from tests.api.client import URL, create, in_memory, problem
from tests.conftest import application, settings_for
from tests.database import UNREACHABLE_URL
from tests.widgets import create_app


@pytest.fixture
def busy(settings: Settings) -> Iterator[TestClient]:
    """A client of a service that handles one request at a time."""
    limits = {"max_concurrent_requests": 1, "database_pool_timeout": 0.05}
    with TestClient(create_app(settings.model_copy(update=limits))) as client:
        yield client


@contextmanager
def running_request(client: TestClient) -> Iterator[None]:
    app = application(client)
    started, end = Event(), Event()

    @app.get("/slow")
    def slow() -> None:
        started.set()
        end.wait()

    with ThreadPoolExecutor() as clients:
        response = clients.submit(client.get, "/slow")
        started.wait()
        try:
            yield
        finally:
            end.set()
        assert response.result().status_code == 200


def test_requests_beyond_the_limit_get_a_503(busy: TestClient) -> None:
    with running_request(busy):
        response = busy.get(URL)
        problem(response, 503)
        assert response.headers["retry-after"] == "1"
    create(busy)


{% if cookiecutter.concurrency == "sync" %}
def test_every_admitted_request_gets_a_thread() -> None:
    limits = {"max_concurrent_requests": 50}
    app = create_app(settings_for(UNREACHABLE_URL).model_copy(update=limits))
    all_started = Barrier(50)

    @app.get("/together")
    def together() -> None:
        all_started.wait(timeout=5)

    with TestClient(app) as client, ThreadPoolExecutor(50) as clients:
        responses = [*clients.map(client.get, ["/together"] * 50)]
    assert {response.status_code for response in responses} == {200}


{% endif %}
def test_waiting_for_another_service_holds_no_connection(settings: Settings) -> None:
    limits = {"database_pool_size": 1, "database_pool_timeout": 0.05}
    with (
        TestClient(create_app(settings.model_copy(update=limits))) as client,
        running_request(client),
    ):
        create(client)
        assert client.get(URL).status_code == 200


def test_probes_have_reserved_slots(busy: TestClient) -> None:
    with running_request(busy):
        assert busy.get("/livez").status_code == 200
        assert busy.get("/readyz").status_code == 200


def test_an_error_releases_its_slot(busy: TestClient) -> None:
    app = application(busy)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    for _ in range(3):
        problem(busy.get("/broken"), 500)


def test_a_slow_reader_holds_no_slot(busy: TestClient) -> None:
    app = application(busy)

    @app.get("/stream")
    def stream() -> StreamingResponse:
        # Other requests are served while this response is being sent.
        return StreamingResponse(str(busy.get(path).status_code) for path in (URL, URL))

    assert busy.get("/stream").text == "200200"


def test_a_background_task_holds_no_slot(busy: TestClient) -> None:
    app, statuses = application(busy), []

    @app.get("/later")
    def later(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: statuses.append(busy.get(URL).status_code))

    assert busy.get("/later").status_code == 200
    assert statuses == [200]


def test_a_disconnect_during_the_body_reaches_no_route(
    settings: Settings,
) -> None:
    app, send = AsyncMock(), AsyncMock()
    part = {"type": "http.request", "body": b"{", "more_body": True}
    receive = AsyncMock(side_effect=[part, {"type": "http.disconnect"}])
    scope = {"type": "http", "headers": [], "path": URL}
    asyncio.run(BodyLimit(app, settings)(scope, receive, send))
    app.assert_not_called()
    send.assert_not_called()


def test_a_slow_body_times_out(settings: Settings) -> None:
    app, send = AsyncMock(), AsyncMock()
    scope = {"type": "http", "headers": [], "method": "POST", "path": URL}
    slow = AsyncMock(side_effect=partial(asyncio.sleep, 2, {"type": "http.request"}))
    asyncio.run(BodyLimit(app, settings, timeout=0.05)(scope, slow, send))
    app.assert_not_called()
    assert send.await_args_list[0].args[0]["status"] == 408


def test_clients_beyond_the_rate_limit_get_a_429(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("app.api.middleware.monotonic", lambda: now)
    app = create_app(settings.model_copy(update={"rate_limit": 6}))
    with TestClient(app) as client:
        assert [client.get(URL).status_code for _ in range(7)] == [200] * 6 + [429]
        response = client.get(URL)
        assert problem(response, 429)["detail"] == "Too many requests: at most 6 per minute."
        assert response.headers["retry-after"] == "10"
        assert client.get("/livez").status_code == 200
        now += 10
        assert [client.get(URL).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"client": ("10.0.0.1", 1)}, {"client": ("10.0.0.1", 2)}, True),
        ({"client": ("10.0.0.1", 1)}, {"client": ("10.0.0.2", 1)}, False),
        ({"client": ("2001:db8::1", 1)}, {"client": ("2001:db8::2", 1)}, True),
        ({"client": ("2001:db8::1", 1)}, {"client": ("2001:db8:0:1::1", 1)}, False),
        ({"client": ("::ffff:10.0.0.1", 1)}, {"client": ("::ffff:10.0.0.2", 1)}, False),
        ({"client": ("a socket", 1)}, {"client": None}, False),
        ({"state": {"user": ANONYMOUS}}, {"state": {"user": ANONYMOUS}}, True),
        ({"state": {"user": ANONYMOUS}}, {"client": ("anonymous", 1)}, False),
    ],
)
def test_the_rate_limit_is_per_user_or_address(
    one: dict[str, Any], other: dict[str, Any], is_same: bool
) -> None:
    app, send = AsyncMock(), AsyncMock()
    limited = RateLimit(app, 1)
    for client in (one, other):
        scope = {"type": "http", "method": "GET", "path": URL, "headers": []} | client
        asyncio.run(limited(scope, AsyncMock(), send))
    assert app.await_count == (1 if is_same else 2)


def test_idle_clients_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.middleware.MAX_CLIENTS", 1)
    limited = RateLimit(AsyncMock(), 6_000_000)
    for number in range(3):
        scope = {"type": "http", "path": URL, "headers": [], "client": (f"10.0.0.{number}", 1)}
        asyncio.run(limited(scope, AsyncMock(), AsyncMock()))
        sleep(0.001)
    assert len(limited.paid_until) <= 2


def test_a_slow_but_steady_body_is_read(settings: Settings) -> None:
    read = bytearray()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        message = await receive()
        read.extend(message["body"])

    async def slow() -> Message:
        if parts:
            await asyncio.sleep(0.05)
        parts.append(b"x" * 1000)
        return {"type": "http.request", "body": parts[-1], "more_body": len(parts) < 10}

    parts: list[bytes] = []
    scope = {"type": "http", "headers": [], "method": "POST", "path": URL}
    asyncio.run(BodyLimit(app, settings, timeout=0.3)(scope, slow, AsyncMock()))
    assert len(read) == 10_000


def test_uploads_are_spooled_to_a_file_and_limited_by_path(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BODY_LIMITS, "/v1/files", 3 * MAX_IN_MEMORY)
    app = create_app(settings)

    @app.post("/v1/files/{name}")
    async def upload(request: Request) -> int:
        return len(await request.body())

    with TestClient(app) as client:
        content = b"x" * (2 * MAX_IN_MEMORY)
        assert client.post("/v1/files/a", content=content).json() == len(content)
        error = problem(client.post("/v1/files/a", content=content * 2), 413)
        assert "3,000,000 bytes: see BODY_LIMITS" in error["detail"]
        error = problem(client.post("/v1/filesystem", content=content), 413)
        assert "1,000,000 bytes: see MAX_BODY_BYTES" in error["detail"]


def test_a_hanging_request_times_out_and_is_cancelled(settings: Settings) -> None:
    events: list[str] = []

    async def hangs(_: Scope, __: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            events.append("cancelled")
            await asyncio.sleep(0.1)  # like a driver that waits for its server
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise

    send = deadline(hangs, settings)
    assert events == ["cancelled"]
    start, body = (call.args[0] for call in send.await_args_list)
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
    assert b"Timed out after 0.05 seconds" in body["body"]


def test_a_started_response_may_take_longer(settings: Settings) -> None:
    async def streams(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"late"})

    send = deadline(streams, settings)
    assert [call.args[0]["type"] for call in send.await_args_list] == [
        "http.response.start",
        "http.response.body",
    ]


def test_cancellation_from_outside_is_propagated(settings: Settings) -> None:
    async def is_cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        deadline(is_cancelled, settings)


def deadline(app: ASGIApp, settings: Settings) -> AsyncMock:
    """Returns what is sent by an application with a request timeout of 0.05 seconds."""
    send = AsyncMock()
    limited = Deadline(app, settings.model_copy(update={"request_timeout": 0.05}))
    scope = {"type": "http", "headers": [], "method": "GET"}
    asyncio.run(limited(scope, AsyncMock(), send))
    return send


@in_memory
def test_unknown_hosts_are_rejected(client: TestClient) -> None:
    assert client.get(URL, headers={"Host": "evil.example"}).status_code == 400
    assert client.get(URL, headers={"Host": ""}).status_code == 400
    for path in ("/livez", "/readyz", "/metrics"):
        assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


ORIGIN = "https://shop.example"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}


@in_memory
def test_other_origins_are_not_allowed_by_default(client: TestClient) -> None:
    for response in (client.get(URL, headers=PREFLIGHT), client.options(URL, headers=PREFLIGHT)):
        assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_configured_origin_is_allowed(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cors_origins": (ORIGIN,)}))
    with TestClient(app) as client:
        allowed = client.options(URL, headers=PREFLIGHT).headers
        assert allowed["access-control-allow-origin"] == ORIGIN
        assert "PATCH" in allowed["access-control-allow-methods"]
        headers = client.get(URL, headers={"Origin": ORIGIN}).headers
        assert "ETag" in headers["access-control-expose-headers"]
        other = client.get(URL, headers={"Origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in other


def test_a_configured_origin_may_read_errors_and_send_any_header() -> None:
    settings = settings_for(UNREACHABLE_URL).model_copy(update={"cors_origins": (ORIGIN,)})
    app = create_app(settings)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError

    with TestClient(app) as client:
        sent = {
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type, idempotency-key, traceparent",
        }
        assert client.options(URL, headers=PREFLIGHT | sent).status_code == 200
        for path, status in (("/broken", 500), ("/nowhere", 404), (f"{URL}?limit=0", 422)):
            response = client.get(path, headers={"Origin": ORIGIN})
            problem(response, status)
            assert response.headers["access-control-allow-origin"] == ORIGIN


PREFIX = "/api"


def test_links_include_the_root_path(settings: Settings) -> None:
    app = create_app(settings)
    # The server prepends ROOT_PATH to the path of the request.
    with TestClient(app, root_path=PREFIX) as client:
        created = client.post(PREFIX + URL, json={"name": "bolt"})
        assert created.headers["location"] == f"{PREFIX}{URL}/{created.json()['id']}"
        assert client.get(created.headers["location"]).json() == created.json()
        for path in ("/docs", "/redoc"):
            page = client.get(PREFIX + path).text
            for address in re.findall(r'(?:src|href|spec-url)="([^"]+)"', page):
                assert address.startswith(f"{PREFIX}/")
                assert client.get(address).status_code == 200
            assert f"{PREFIX}/openapi.json" in page
        document = client.get(f"{PREFIX}/openapi.json").json()
        assert document["servers"] == [{"url": PREFIX}]
        assert client.get(f"{PREFIX}/readyz", headers={"Host": "10.0.0.7"}).status_code == 200
