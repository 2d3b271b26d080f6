"""Observability of requests: request ids, headers, logs and metrics."""

import asyncio
import logging
import re
from collections.abc import Iterator
from unittest.mock import AsyncMock, Mock

import pytest
from fastapi import BackgroundTasks, FastAPI, Response
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import ClientDisconnect
from structlog.contextvars import get_contextvars

from app.api.observation import Observation
from app.api.paths import PROBES
from tests.api.client import URL, create, in_database, in_memory
from tests.conftest import application

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-ID": "from-the_proxy.1"}, r"from-the_proxy\.1"),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, r"[0-9a-f]{32}"),
        ({"X-Request-ID": "two words"}, r"[0-9a-f]{32}"),
        ({"X-Request-ID": "x" * 129}, r"[0-9a-f]{32}"),
        ({}, r"[0-9a-f]{32}"),
    ],
)
@in_memory
def test_responses_have_a_request_id(
    client: TestClient, headers: dict[str, str], expected: str
) -> None:
    assert re.fullmatch(expected, client.get(URL, headers=headers).headers["x-request-id"])


@in_memory
@pytest.mark.parametrize("path", [URL, "/nowhere", "/docs", "/readyz"])
def test_responses_have_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


@in_memory
def test_only_reads_may_be_cached_and_are_revalidated(client: TestClient) -> None:
    @application(client).get("/public")
    def public() -> Response:
        return Response(headers={"Cache-Control": "max-age=60"})

    created = client.post(URL, json={"name": "bolt"})
    url, known = created.headers["location"], {"If-None-Match": created.headers["etag"]}
    reads = [client.get(url), client.get(url, headers=known), client.get(URL), client.get("/docs")]
    assert [response.status_code for response in reads] == [200, 304, 200, 200]
    assert {response.headers["cache-control"] for response in reads} == {"private, no-cache"}
    others = [created, client.delete(url), client.get(url), *map(client.get, PROBES)]
    assert {response.headers["cache-control"] for response in others} == {"no-store"}
    assert client.get("/public").headers["cache-control"] == "max-age=60"


@in_memory
def test_mounted_applications_are_observed(client: TestClient) -> None:
    other = FastAPI()

    @other.get("/thing")
    def read_thing() -> str:
        return "thing"

    application(client).mount("/mounted", other)
    response = client.get("/mounted/thing")
    assert response.json() == "thing"
    assert response.headers["x-request-id"]


def requests(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, int]]:
    """Returns method, route and status of each logged request."""
    records = [vars(record) for record in caplog.records if record.name == "app.api.observation"]
    return [(record["method"], record["route"], record["status"]) for record in records]


@in_memory
def test_requests_are_logged_by_route_without_parameters(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    widget = create(client, name="bolt")
    with caplog.at_level(logging.INFO, "app.api.observation"):
        client.get(f"{URL}/{widget['id']}", params={"secret": "1"})
        client.request("BREW", "/secret")
        client.get("/readyz")
    assert requests(caplog) == [("GET", "/v1/widgets/{widget_id}", 200), ("_OTHER", "", 404)]
    records = [record for record in caplog.records if record.name == "app.api.observation"]
    assert all(0 < vars(record)["seconds"] < 5 for record in records)
    assert not any("secret" in str(vars(record)) for record in records)


@in_memory
def test_log_records_have_the_request_id(client: TestClient) -> None:
    app = application(client)

    @app.get("/logging")
    def logging() -> dict[str, str]:
        return get_contextvars()

    response = client.get("/logging", headers={"X-Request-ID": "7"})
    assert response.json() == {"request_id": "7"}
    assert get_contextvars() == {}


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    """Returns the samples of `/metrics` by name and label values, ordered by label name."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status(client: TestClient) -> None:
    before = samples(client)
    widget = create(client, name="bolt")
    for _ in range(3):
        client.get(f"{URL}/{widget['id']}")
    client.get(f"{URL}/{widget['id']}/nothing")
    now = samples(client)

    def more(*labels: str) -> float:
        key = ("http_server_request_duration_seconds_count", *labels)
        return now[key] - before.get(key, 0)

    assert more("GET", "200", URL + "/{widget_id}") == 3
    assert more("POST", "201", URL) == 1
    assert more("GET", "404", "") == 1
    assert now["http_server_active_requests",] == 1  # the request for the metrics


@in_database
def test_session_waits_are_measured(client: TestClient) -> None:
    waits = ("db_client_connection_wait_time_seconds_count",)
    before = samples(client)
    widget = create(client, name="bolt")
    client.get(f"{URL}/{widget['id']}")
    client.get("/livez")
    assert samples(client)[waits] - before[waits] == 2


@in_memory
def test_a_request_ends_with_its_response(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app, during = application(client), []

    @app.get("/afterwards")
    def afterwards(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: during.append((samples(client), requests(caplog))))

    with caplog.at_level(logging.INFO, "app.api.observation"):
        client.get("/afterwards")
    ((metrics, logged),) = during
    assert metrics["http_server_request_duration_seconds_count", "GET", "200", "/afterwards"] == 1
    assert metrics["http_server_active_requests",] == 1  # the request for the metrics
    assert logged == requests(caplog) == [("GET", "/afterwards", 200)]


@in_memory
def test_an_aborted_response_is_recorded_once(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(client)

    @app.get("/torn")
    def torn() -> StreamingResponse:
        def chunks() -> Iterator[bytes]:
            yield b"some"
            raise RuntimeError

        return StreamingResponse(chunks())

    with caplog.at_level(logging.INFO, "app.api.observation"), pytest.raises(RuntimeError):
        client.get("/torn")
    assert requests(caplog) == [("GET", "/torn", 200)]
    assert samples(client)["http_server_active_requests",] == 1


@in_memory
@pytest.mark.usefixtures("client")
def test_a_disconnect_during_the_response_is_recorded_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Observation(StreamingResponse(iter([b"some", b"more"])))
    server = {"app": Mock(), "asgi": {"spec_version": "2.4"}}
    scope = {"type": "http", "method": "GET", "path": URL, "headers": [], **server}
    send = AsyncMock(side_effect=[None, OSError])  # the second message is the body
    with caplog.at_level(logging.INFO, "app.api.observation"), pytest.raises(ClientDisconnect):
        asyncio.run(app(scope, AsyncMock(), send))
    assert requests(caplog) == [("GET", "", 200)]


def test_a_disconnect_before_the_response_is_recorded() -> None:
    app = AsyncMock()
    scope = {"type": "http", "method": "GET", "headers": [], "app": Mock()}
    asyncio.run(Observation(app)(scope, AsyncMock(), send := AsyncMock()))
    app.assert_awaited_once()
    send.assert_not_called()
