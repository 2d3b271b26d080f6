"""What uvicorn leaves to others: limits for the head of a request, and a shutdown told beforehand."""

import asyncio
import signal
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from starlette.datastructures import State
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32_768
HEAD_SECONDS = 10


class SharingLoop(asyncio.SelectorEventLoop):
    """Accepts a few connections each time around, which leaves the others to the other workers.

    asyncio would accept all that are there: of 16 clients that come at once one worker gets all.
    """

    async def create_server(self, *given: Any, **options: Any) -> asyncio.Server:
        server = await super().create_server(*given, **options | {"backlog": 2})
        options["sock"].listen(options["backlog"])  # asyncio has one number for both
        return server


class LimitedProtocol(HttpToolsProtocol):
    """Answers 400 to a head that is too large, and closes the connection of one that is too slow."""

    head_bytes = 0
    deadline: TimerHandle | None = None

    # uvicorn narrows asyncio's `BaseTransport` in the same way.
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does so too, but not on the sockets that uvicorn makes for several workers: there
        # the body of an answer would wait until the client has acknowledged its head.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.on_message_begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_bytes = 0
        self.deadline = self.deadline or self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.head_bytes += len(data)
        if self.deadline and self.head_bytes > MAX_HEAD_BYTES:
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        if len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > MAX_HEAD_BYTES:
            raise ValueError("the head is too large")  # upon which uvicorn answers 400
        super().on_headers_complete()

    def _stop_waiting(self) -> None:
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None


@contextmanager
def draining(state: State, seconds: float) -> Iterator[None]:
    """From SIGTERM on `state.draining` is true; the server is told of it `seconds` later.

    In between it serves as before, so that whoever sends requests here can end that first.
    """
    stop, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()
    if not callable(stop):  # no server waits for it, as in tests
        yield
        return

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        delay = 0 if state.draining else seconds
        state.draining = True
        loop.call_soon_threadsafe(loop.call_later, delay, stop, number, frame)

    signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, stop)
