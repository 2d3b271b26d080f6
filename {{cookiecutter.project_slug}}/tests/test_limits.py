"""The server itself, on a port: what it does before any application sees a request."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPResponse
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
from tests.fakes.store import InMemoryStore

HEAD = b"GET /livez HTTP/1.1\r\nHost: testserver\r\n"


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """To a server that waits for a head for 0.3 seconds."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.3)
    app = create_app(settings_for(UNREACHABLE_URL), InMemoryStore())
    config = uvicorn.Config(
        app, port=0, loop="asyncio", http=server.LimitedProtocol, log_config=None
    )
    running = uvicorn.Server(config)
    # The socket is made as for several workers.
    thread = Thread(target=running.run, args=[[config.bind_socket()]])
    thread.start()
    while not running.started:
        time.sleep(0.01)
    with closing(socket.create_connection(running.servers[0].sockets[0].getsockname())) as made:
        made.settimeout(5)
        yield made
    running.should_exit = True
    thread.join()


def status(connection: socket.socket) -> int:
    """Of one answer, which is read to its end."""
    with HTTPResponse(connection) as response:
        response.begin()
        response.read()
        return response.status


def answer(connection: socket.socket) -> bytes:
    """All that is sent until the connection is closed."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_head_that_is_too_large_is_refused(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"X: " + b"x" * server.MAX_HEAD_BYTES + b"\r\n\r\n")
    assert answer(connection).startswith(b"HTTP/1.1 400 ")


def test_a_head_that_grows_without_end_is_refused(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"X: ")
    for _ in range(server.MAX_HEAD_BYTES // 8192):
        time.sleep(0.01)
        connection.sendall(b"x" * 8192)
    assert answer(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("sent", [b"", HEAD])
def test_a_head_that_does_not_end_is_not_waited_for(connection: socket.socket, sent: bytes) -> None:
    begun = time.monotonic()
    connection.sendall(sent)
    assert answer(connection) == b""
    assert 0.2 < time.monotonic() - begun < 2


def test_the_body_of_an_answer_does_not_wait_for_its_head(connection: socket.socket) -> None:
    begun = time.monotonic()
    for _ in range(10):
        connection.sendall(HEAD + b"\r\n")
        assert status(connection) == 200
    assert time.monotonic() - begun < 0.2


def test_a_connection_may_rest_between_requests(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(HEAD + b"\r\n")
        assert status(connection) == 200
        time.sleep(0.5)
    large = b"x" * (2 * server.MAX_HEAD_BYTES)
    post = b"POST /livez HTTP/1.1\r\nHost: testserver\r\nContent-Length: %d\r\n\r\n" % len(large)
    connection.sendall(post + large)
    assert status(connection) == 405


def test_sigterm_is_told_before_the_server_learns_of_it() -> None:
    state, told = State({"draining": False}), list[float]()

    async def scenario() -> None:
        with server.draining(state, seconds=0.2):
            begun = time.monotonic()
            signal.raise_signal(signal.SIGTERM)
            assert state.draining
            await asyncio.sleep(0.1)
            assert not told
            await asyncio.sleep(0.2)
            assert len(told) == 1
            assert told[0] - begun >= 0.2
            signal.raise_signal(signal.SIGTERM)  # who says it again does not want to wait
            await asyncio.sleep(0.01)
            assert len(told) == 2

    before = signal.signal(signal.SIGTERM, lambda *_: told.append(time.monotonic()))
    ours = signal.getsignal(signal.SIGTERM)
    try:
        asyncio.run(scenario())
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_a_killed_worker_had_in_work_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    files = [tmp_path / f"gauge_livesum_{process.pid}.db" for process in (gone, alive)]
    for file in files:
        file.touch()
    assert metrics.registry() is not prometheus_client.REGISTRY
    assert [file.exists() for file in files] == [False, True]
    alive.communicate()


def test_a_worker_leaves_connections_to_the_others() -> None:
    accepted: list[int] = []

    async def scenario() -> None:
        made: list[asyncio.Protocol] = []

        class Made(asyncio.Protocol):
            def connection_made(self, _: asyncio.BaseTransport) -> None:
                made.append(self)

        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as clients:
            loop = asyncio.get_running_loop()
            serving = await loop.create_server(Made, sock=listener, backlog=100)
            for _ in range(20):  # and none of them waits until another was accepted
                client = socket.create_connection(listener.getsockname(), timeout=0.5)
                clients.enter_context(client)
            for _ in range(50):
                await asyncio.sleep(0)  # once around
                accepted.append(len(made))
            serving.close()

    with asyncio.Runner(loop_factory=server.SharingLoop) as runner:
        runner.run(scenario())
    assert accepted[-1] == 20
    assert max(after - before for before, after in pairwise(accepted)) <= 3
