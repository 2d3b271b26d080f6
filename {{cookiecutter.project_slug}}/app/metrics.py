"""Prometheus metrics, named by OpenTelemetry's semantic conventions.

https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
https://opentelemetry.io/docs/specs/semconv/database/database-metrics/
"""

import os
from functools import partial
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess

live_gauge = partial(Gauge, multiprocess_mode="livesum")  # the sum of all live workers

REQUESTS = Histogram(
    "http_server_request_duration_seconds",
    "From the headers of a request to the end of its response.",
    ["http_request_method", "http_route", "http_response_status_code"],
)
ACTIVE = live_gauge("http_server_active_requests", "Requests being processed.")

CONNECTIONS = live_gauge(
    "db_client_connection_count",
    "Connections to the database: used by a request, or idle.",
    ["db_client_connection_state"],
)
MAX_CONNECTIONS = live_gauge("db_client_connection_max", "Connections that requests may use.")
PENDING = live_gauge("db_client_connection_pending_requests", "Requests waiting for a connection.")
WAITS = Histogram("db_client_connection_wait_time_seconds", "Time spent waiting for a connection.")
TIMEOUTS = Counter(
    "db_client_connection_timeouts", "Requests that timed out waiting for a connection."
)

USED, IDLE = CONNECTIONS.labels("used"), CONNECTIONS.labels("idle")


def registry() -> CollectorRegistry:
    """Returns the metrics of this process, or of all workers if `python -m app` started several."""
    if (folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR")) is None:
        return REGISTRY
    # Drops the gauges of killed workers, but not on Windows, where signal 0 would end a process.
    for file in Path(folder).glob("gauge_live*.db") if os.name == "posix" else ():
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call] # it is untyped
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call] # it is untyped
    return merged
