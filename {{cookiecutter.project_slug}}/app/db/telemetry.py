"""Database metrics and tracing: pools, and a span for each statement."""

import os
from typing import Any

from opentelemetry import trace
from sqlalchemy import Engine, ExceptionContext, event

from app.metrics import IDLE, USED


def observe(*engines: Engine) -> None:
    """Observes engines; an engine must precede those that its `execution_options` created."""
    pools: set[Any] = {engine.pool for engine in engines}  # two engines may share one

    def update_gauges(returning: int) -> None:
        USED.set(sum(pool.checkedout() for pool in pools) - returning)
        IDLE.set(sum(pool.checkedin() for pool in pools) + returning)

    for pool in pools:
        event.listen(pool, "checkout", lambda *_: update_gauges(0))
        event.listen(pool, "checkin", lambda *_: update_gauges(1))
    # The variables that make FastAPI export its spans.
    if any(name.startswith("OTEL_EXPORTER_OTLP_") for name in os.environ):
        # Derived engines share the dialect and its listeners: a second set would trace twice.
        for engine in {engine.dialect: engine for engine in reversed(engines)}.values():
            _trace(engine)


def _trace(engine: Engine) -> None:
    """https://opentelemetry.io/docs/specs/semconv/database/database-spans/"""
    tracer = trace.get_tracer(__name__)

    def begin(_: Any, __: Any, statement: str, ___: Any, context: Any, ____: bool) -> None:
        # With placeholders: a span contains no values of rows.
        attributes = {"db.system.name": engine.dialect.name, "db.query.text": statement}
        verb = statement.split(maxsplit=1)[0]
        context.span = tracer.start_span(verb, kind=trace.SpanKind.CLIENT, attributes=attributes)

    def end(*args: Any) -> None:
        args[4].span.end()

    def fail(error: ExceptionContext) -> None:
        span = getattr(error.execution_context, "span", trace.INVALID_SPAN)
        span.set_status(trace.StatusCode.ERROR)
        span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine.dialect, "handle_error", fail)
