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

UNFINISHED = b"POST /v1/widgets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
CLEAN_EXITS = {0, -signal.SIGTERM, 128 + signal.SIGTERM}


def is_ready(server: Server) -> bool:
    return server.http.get("/readyz").status_code == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_shutdown_fails_readiness_first_and_keeps_serving(serve: Serve, workers: int) -> None:
    server = serve(DRAIN_SECONDS=3, WORKERS=workers)
    within(15, lambda: is_ready(server))
    started = time.monotonic()
    server.process.terminate()
    within(2, lambda: not is_ready(server))
    response = create(server, "late")
    assert response.status_code == 201
    assert response.headers["connection"] == "close"
    assert server.process.wait(10) in CLEAN_EXITS
    assert time.monotonic() - started >= 3


def test_running_requests_finish_before_shutdown(serve: Serve, settings: Settings) -> None:
    server = serve(DATABASE_TIMEOUT=10, DATABASE_LOCK_TIMEOUT=10)
    with ThreadPoolExecutor() as clients:
        with blocked_writers(settings.database_url.get_secret_value()):
            waiting = clients.submit(create, server, "bolt")
            time.sleep(0.5)
            server.process.terminate()
            time.sleep(0.5)
        assert waiting.result().status_code == 201
    assert server.process.wait(15) in CLEAN_EXITS


def test_an_unfinished_request_does_not_block_shutdown(serve: Serve) -> None:
    server = serve(SHUTDOWN_TIMEOUT=1)
    with socket.create_connection(server.address) as connection:
        connection.sendall(UNFINISHED)
        time.sleep(0.2)
        server.process.terminate()
        assert server.process.wait(9) in CLEAN_EXITS
    assert "timeout graceful shutdown exceeded" in server.log.read_text()
    server.log.write_text("")  # uvicorn has logged a traceback of the cancelled request
