"""What is seen of the database from outside."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import Engine, create_engine, literal, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.db.health import observe
from app.metrics import IDLE, USED


def shown() -> list[float]:
    metrics = [metric for gauge in (USED, IDLE) for metric in gauge.collect()]
    return [sample.value for metric in metrics for sample in metric.samples]


def test_connections_are_counted_as_used_or_idle(database: Engine) -> None:
    engine = create_engine(database.url)
    observe(engine)
    with engine.connect():
        assert shown() == [1, 0]
        with engine.connect() as second:
            assert shown() == [2, 0]
            second.invalidate()
    assert shown() == [0, 2]
    engine.dispose()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def run_statements(database: Engine) -> None:
    engine = create_engine(database.url)
    observe(engine)
    with engine.connect() as connection:
        connection.execute(select(literal("confidential")))
        with pytest.raises(SQLAlchemyError):
            connection.execute(text("DELETE FROM nothing"))
    engine.dispose()


def test_each_statement_is_a_span_without_its_values(
    database: Engine, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    run_statements(database)
    select_, delete = spans.get_finished_spans()[-2:]
    assert (select_.name, select_.status.status_code) == ("SELECT", trace.StatusCode.UNSET)
    assert (delete.name, delete.status.status_code) == ("DELETE", trace.StatusCode.ERROR)
    assert "confidential" not in select_.to_json()


def test_nothing_is_traced_where_it_is_sent_nowhere(
    database: Engine, spans: InMemorySpanExporter
) -> None:
    run_statements(database)
    assert not spans.get_finished_spans()
