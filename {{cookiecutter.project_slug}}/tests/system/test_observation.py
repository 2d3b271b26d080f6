"""Observability: logs, metrics and traces of the running service."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from app.settings import NAME
from tests.ports import http_server
from tests.system.conftest import Serve, Server, burst, within
from tests.system.test_concurrency import URL, create

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def metric(server: Server, name: str) -> float:
    families = text_string_to_metric_families(server.http.get("/metrics").text)
    samples = (sample for family in families for sample in family.samples)
    return sum(
        s.value for s in samples if s.name == name and s.labels.get("http_route", URL) == URL
    )


def test_every_log_line_is_a_json_object(serve: Serve) -> None:
    server = serve()
    server.http.get(URL, params={"name_contains": "confidential"}, headers={"X-Request-ID": "7"})
    server.stop()
    text = server.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    (request,) = [line for line in lines if line["event"] == "request"]
    assert request["request_id"] == "7"
    assert (request["method"], request["route"], request["status"]) == ("GET", URL, 200)
    assert {"uvicorn.error", "app.api.observation"} <= {line["logger"] for line in lines}
    assert "confidential" not in text


def test_metrics_cover_all_workers(serve: Serve) -> None:
    server = serve(WORKERS=2)
    burst(20, lambda number: create(server, str(number)))
    # Requests are counted only after the response is sent.
    within(15, lambda: metric(server, "http_server_request_duration_seconds_count") == 20)
    within(15, lambda: metric(server, "http_server_active_requests") == 1)
    # One worker may have served all requests, but each reports its pool size.
    within(15, lambda: metric(server, "db_client_connection_max") == 20)


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Runs an OpenTelemetry collector; yields its URL and the spans received so far."""
    spans: list[Span] = []

    def receive(path: str, body: bytes) -> bytes:
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                assert NAME in str(resource.resource)
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
        return b""

    with http_server(receive) as port:
        yield f"http://127.0.0.1:{port}", spans


def test_requests_and_statements_are_traced_if_configured(serve: Serve) -> None:
    with collector() as (url, spans):
        server = serve(
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
            OTEL_SERVICE_NAME=NAME,
            OTEL_BSP_SCHEDULE_DELAY=100,
        )
        widget = create(server, "bolt").json()
        path = f"{URL}/{widget['id']}"
        server.http.get(path, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
        time.sleep(1)
        server.stop()
    ours = [span for span in spans if span.trace_id.hex() == TRACE]
    (request,) = [span for span in ours if span.kind == Span.SPAN_KIND_SERVER]
    assert request.name == f"GET {URL}" + "/{widget_id}"
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    (statement,) = [span for span in ours if span.name.startswith("SELECT")]
    assert widget["id"] not in str(statement)
