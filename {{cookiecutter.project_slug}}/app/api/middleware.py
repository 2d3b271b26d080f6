"""Pure ASGI: Starlette's `BaseHTTPMiddleware` would run every request in a task of its own."""

import asyncio
from contextlib import ExitStack

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import RETRY_LATER, problem
from app.api.paths import PROBES, route_path
from app.settings import Settings


class KnownHosts(TrustedHostMiddleware):
    """Answers 400 to who asks for another host; probes come by address and are let in."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(app, settings.allowed_hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] == "http" and route_path(scope) in PROBES
        await (self.app if known else super().__call__)(scope, receive, send)


class BodyLimit:
    """Reads the body: at most `limit` bytes, in at most `timeout` seconds.

    FastAPI's `max_body_size` has no timeout, and answers in plain text. What is behind this has
    the whole body at once, and never waits for a client that sends slowly.
    """

    def __init__(self, app: ASGIApp, limit: int, timeout: float) -> None:
        self.app = app
        self.limit = limit
        self.timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdecimal() and int(announced[:18]) > self.limit
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self.timeout):
                while more and not too_large:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    too_large = len(body) > self.limit
        except TimeoutError:
            told = f"The body was not here within {self.timeout} seconds."
            late = problem(408, told, headers={"Connection": "close"})
            await late(scope, receive, send)
            return

        if too_large:
            refusal = problem(413, f"A body may have at most {self.limit:,} bytes.")
            await refusal(scope, receive, send)
            return

        whole: list[Message] = [{"type": "http.request", "body": bytes(body)}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, replay, send)


class Deadline:
    """Answers 503 to a request whose response has not begun within `REQUEST_TIMEOUT`.

    The request is cancelled, and not waited for: a driver may wait for its server for as long as
    that hangs, and a thread cannot be cancelled at all.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.timeout = settings.request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = asyncio.current_task()
        if scope["type"] != "http" or request is None:
            await self.app(scope, receive, send)
            return
        answer: asyncio.Task[None] | None = None

        def expire() -> None:
            nonlocal answer
            told = f"This took longer than {self.timeout:g} seconds. What it changes may be stored."
            late = problem(503, told, headers=RETRY_LATER)
            answer = asyncio.create_task(late(scope, receive, send))
            request.cancel()

        async def observed(message: Message) -> None:
            timer.cancel()
            if answer is None:
                await send(message)

        timer = asyncio.get_running_loop().call_later(self.timeout, expire)
        try:
            await self.app(scope, receive, observed)
        except asyncio.CancelledError:
            if answer is None or request.uncancel():
                raise
        finally:
            timer.cancel()
            if answer is not None:
                await answer


class Admission:
    """Lets in `MAX_CONCURRENT_REQUESTS`; the next waits for `DATABASE_POOL_TIMEOUT`, then gets 503.

    So overload does not take ever more memory. Each probe has a place of its own.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.timeout = settings.database_pool_timeout
        self.places = asyncio.Semaphore(settings.max_concurrent_requests)
        self.reserved = {path: asyncio.Semaphore(1) for path in PROBES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        places = self.reserved.get(route_path(scope), self.places)
        try:
            # A free one takes no time, and no timer.
            async with asyncio.timeout(self.timeout if places.locked() else None):
                await places.acquire()
        except TimeoutError:
            busy = problem(503, "Too many requests are being served now.", headers=RETRY_LATER)
            await busy(scope, receive, send)
            return

        # The place is free when the answer begins: by then its transaction has ended, and a
        # client that reads slowly keeps nobody waiting.
        leave = ExitStack()
        leave.callback(places.release)

        async def observed(message: Message) -> None:
            leave.close()
            await send(message)

        with leave:
            await self.app(scope, receive, observed)
