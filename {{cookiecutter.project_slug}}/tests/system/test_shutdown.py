"""Graceful shutdown: SIGTERM fails the readiness probe, then running requests finish."""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.settings import Settings
from tests.database import blocked_writers
from tests.system.conftest import Serve, Server, within
from tests.system.test_concurrency import create

HALF = b"POST /v1/widgets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
CLEAN = {0, -signal.SIGTERM, 128 + signal.SIGTERM}


def is_ready(server: Server) -> bool:
    return server.http.get("/readyz").status_code == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_that_stops_first_says_so_and_goes_on_serving(serve: Serve, workers: int) -> None:
    server = serve(DRAIN_SECONDS=3, WORKERS=workers)
    within(15, lambda: is_ready(server))
    begun = time.monotonic()
    server.process.terminate()
    within(2, lambda: not is_ready(server))
    response = create(server, "late")
    assert response.status_code == 201
    assert response.headers["connection"] == "close"
    assert server.process.wait(10) in CLEAN
    assert time.monotonic() - begun >= 3


def test_what_is_in_work_ends_before_the_service_does(serve: Serve, settings: Settings) -> None:
    server = serve(DATABASE_TIMEOUT=10, DATABASE_LOCK_TIMEOUT=10)
    with ThreadPoolExecutor() as clients:
        with blocked_writers(settings.database_url.get_secret_value()):
            waiting = clients.submit(create, server, "bolt")
            time.sleep(0.5)
            server.process.terminate()
            time.sleep(0.5)
        assert waiting.result().status_code == 201
    assert server.process.wait(15) in CLEAN


def test_a_client_that_sends_nothing_more_does_not_hold_up_the_end(serve: Serve) -> None:
    server = serve(SHUTDOWN_TIMEOUT=1)
    with socket.create_connection(server.address) as connection:
        connection.sendall(HALF)
        time.sleep(0.2)
        server.process.terminate()
        assert server.process.wait(9) in CLEAN
    assert "timeout graceful shutdown exceeded" in server.log.read_text()
    server.log.write_text("")  # uvicorn has logged a traceback of the cancelled request
