"""What is seen of the database from outside: the pool's connections, and a span for each statement."""

import os
from typing import Any

from sqlalchemy import Engine, event

from app.metrics import IDLE, USED


def observe(engine: Engine) -> None:
    event.listen(engine, "checkout", lambda *_: _show(engine.pool, 0))
    event.listen(engine, "checkin", lambda *_: _show(engine.pool, 1))
    # As FastAPI does for its requests: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    if any(name.startswith("OTEL_EXPORTER_OTLP_") for name in os.environ):
        from opentelemetry.instrumentation.sqlalchemy import (  # noqa: PLC0415 - not for nothing
            SQLAlchemyInstrumentor,
        )

        SQLAlchemyInstrumentor().instrument(engine=engine, skip_dep_check=True)


def _show(pool: Any, returning: int) -> None:
    used = pool.checkedout() - returning
    USED.set(used)
    IDLE.set(pool.checkedin() + returning)
