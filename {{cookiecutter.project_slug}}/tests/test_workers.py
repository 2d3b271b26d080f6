"""Workers that share one socket, and graceful shutdown."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from threading import Thread

import prometheus_client
import pytest
import uvicorn
from starlette.datastructures import State

from app import metrics, server
from app.main import create_app
from tests.conftest import settings_for
from tests.database import UNREACHABLE_URL


def test_the_body_of_a_response_does_not_wait_for_its_headers() -> None:
    app = create_app(settings_for(UNREACHABLE_URL))
    loop = "app.server:SharingLoop"
    config = uvicorn.Config(app, port=0, loop=loop, http="httptools", log_config=None)
    running, listener = uvicorn.Server(config), config.bind_socket()  # as with several workers
    thread = Thread(target=running.run, args=[[listener]])
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
            time.sleep(0.01)
        seconds = _seconds_of_requests(*listener.getsockname())
    finally:
        running.should_exit = True
        thread.join()
    # Clients delay the ACK of separate headers by 40 ms, except on the first response.
    assert min(seconds[1:]) < 0.03


def _seconds_of_requests(host: str, port: int) -> list[float]:
    """Returns the durations of ten requests, sent one after another on one connection."""
    seconds = []
    with closing(HTTPConnection(host, port, timeout=10)) as connection:
        for _ in range(10):
            started = time.monotonic()
            connection.request("GET", "/livez", headers={"Host": "testserver"})
            with connection.getresponse() as response:
                assert response.read()
            assert response.status == 200
            seconds.append(time.monotonic() - started)
    return seconds


def test_sigterm_starts_draining_before_the_server_stops() -> None:
    state, stopped_at = State({"draining": False}), asyncio.Queue[float]()

    async def scenario() -> None:
        with server.draining(state, seconds=0.2):
            started = time.monotonic()
            signal.raise_signal(signal.SIGTERM)
            assert state.draining
            assert await stopped_at.get() - started >= 0.2
            signal.raise_signal(signal.SIGTERM)
            await stopped_at.get()

    before = signal.signal(signal.SIGTERM, lambda *_: stopped_at.put_nowait(time.monotonic()))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        asyncio.run(scenario())
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_gauges_of_killed_workers_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    exited = subprocess.Popen([sys.executable, "-c", ""])
    exited.wait()
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    files = [tmp_path / f"gauge_livesum_{process.pid}.db" for process in (exited, alive)]
    for file in files:
        file.touch()
    assert metrics.registry() is not prometheus_client.REGISTRY
    assert [file.exists() for file in files] == [False, True]
    alive.communicate()


def test_workers_share_new_connections() -> None:
    accepted: list[int] = []

    async def scenario() -> None:
        connections: list[asyncio.Protocol] = []

        class Accepting(asyncio.Protocol):
            def connection_made(self, _: asyncio.BaseTransport) -> None:
                connections.append(self)

        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
            loop = asyncio.get_running_loop()
            serving = await loop.create_server(Accepting, sock=listener, backlog=100)
            for _ in range(20):  # each connects without waiting for others to be accepted
                client = socket.create_connection(listener.getsockname(), timeout=0.5)
                clients.enter_context(client)
            for _ in range(50):
                await asyncio.sleep(0)  # one iteration of the event loop
                accepted.append(len(connections))
            serving.close()

    with asyncio.Runner(loop_factory=server.SharingLoop) as runner:
        runner.run(scenario())
    assert accepted[-1] == 20
    assert max(after - before for before, after in pairwise(accepted)) <= 3
