"""A loop for several workers, and a graceful shutdown."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from starlette.datastructures import State


class SharingLoop(asyncio.SelectorEventLoop):
    """Accepts two or three connections at a time, which leaves the others to the other workers.

    asyncio would accept all that are waiting: of 16 clients that connect at once one worker gets all.
    """

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        # asyncio sets it for sockets of its own only. Without it the body of a response waits
        # up to 40 ms until the client has acknowledged the headers.
        options["sock"].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = await super().create_server(*args, **options | {"backlog": 2})
        options["sock"].listen(options["backlog"])  # asyncio has one number for both
        return server


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
