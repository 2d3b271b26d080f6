"""Event loop for several workers, and graceful shutdown."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from starlette.datastructures import State


class SharingLoop(asyncio.SelectorEventLoop):
    """Accepts two or three connections at a time and leaves the rest to the other workers.

    asyncio would accept all pending connections: one worker gets all of 16 simultaneous clients.
    """

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        # asyncio sets it only on sockets that it creates. Without it the body of a response waits
        # up to 40 ms for the client to acknowledge the headers.
        options["sock"].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = await super().create_server(*args, **options | {"backlog": 2})
        options["sock"].listen(options["backlog"])  # asyncio uses one value to listen and accept
        return server


@contextmanager
def draining(state: State, seconds: float) -> Iterator[None]:
    """Sets `state.draining` at SIGTERM, and shuts the server down `seconds` later.

    Until then it serves requests as before, so that load balancers can stop sending them first.
    """
    stop, loop = signal.getsignal(signal.SIGTERM), asyncio.get_running_loop()
    if not callable(stop):  # no server handles SIGTERM, as in tests
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
