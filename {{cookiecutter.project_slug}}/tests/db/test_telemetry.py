"""Telemetry of the database: metrics of its pools, and a span for each statement."""

import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from sqlalchemy import Engine, create_engine, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.db.telemetry import observe
from app.metrics import IDLE, USED
from app.settings import Settings
from tests.api.client import URL, statements
from tests.widgets import WidgetSqlStore, create_app


def gauges() -> list[float]:
    metrics = [metric for gauge in (USED, IDLE) for metric in gauge.collect()]
    return [sample.value for metric in metrics for sample in metric.samples]


def test_connections_are_counted_as_used_or_idle(database: Engine) -> None:
    engine = create_engine(database.url)
    observe(engine)
    with engine.connect():
        assert gauges() == [1, 0]
        with engine.connect() as second:
            assert gauges() == [2, 0]
            second.invalidate()
    assert gauges() == [0, 2]
    engine.dispose()


class Spans(SpanProcessor):
    def __init__(self) -> None:
        self.started: list[ReadableSpan] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: ReadableSpan, parent_context: Context | None = None) -> None:
        self.started.append(span)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    recorded, provider = Spans(), TracerProvider()
    provider.add_span_processor(recorded)
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return recorded


def run_statements(database: Engine) -> None:
    engine = create_engine(database.url)
    observe(engine)
    with engine.connect() as connection:
        connection.execute(select(literal("confidential")))
        with pytest.raises(SQLAlchemyError):
            connection.execute(text("DELETE FROM nothing"))
    engine.dispose()


def test_each_statement_is_a_span_without_its_values(
    database: Engine, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    run_statements(database)
    select_, delete = spans.ended[-2:]
    assert (select_.name, select_.status.status_code) == ("SELECT", trace.StatusCode.UNSET)
    assert (delete.name, delete.status.status_code) == ("DELETE", trace.StatusCode.ERROR)
    assert "confidential" not in select_.to_json()


def test_reads_writes_and_errors_have_one_span_for_each_statement(
    settings: Settings, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    store = WidgetSqlStore(settings)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")  # or FastAPI's instrumentation adds spans
    with TestClient(create_app(settings, store)) as client, statements() as sent:
        created = client.post(URL, json={"name": "bolt"})
        read = client.get(created.headers["location"])
        taken = client.post(URL, json={"name": "bolt"})
    assert [response.status_code for response in (created, read, taken)] == [201, 200, 409]
    assert [dict(span.attributes or {})["db.query.text"] for span in spans.ended] == sent
    assert [span.context for span in spans.started] == [span.context for span in spans.ended]
    failed = [s for s in spans.ended if s.status.status_code is trace.StatusCode.ERROR]
    assert [span.name for span in failed] == ["INSERT"]


def test_nothing_is_traced_without_an_exporter(database: Engine, spans: Spans) -> None:
    run_statements(database)
    assert not spans.ended
