"""Pure ASGI middleware: `BaseHTTPMiddleware` would run every request in a separate task."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address, ip_address, ip_network
from math import ceil
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import Any, TypeVar

from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import RETRY_LATER, problem
from app.api.paths import BODY_LIMITS, PROBES, route_path
from app.schemas.identity import User
from app.settings import Settings

T = TypeVar("T")

MINUTE = 60.0  # seconds
MAX_CLIENTS = 10_000  # that are tracked before idle ones are forgotten
MAX_IN_MEMORY = 1_000_000  # bytes; a larger body is stored in a file
CHUNK = 65_536  # bytes
MIN_RATE = 1_000  # bytes per second, the minimum rate for a large body


class KnownHosts(TrustedHostMiddleware):
    """Rejects unknown hosts with 400, except for probes, which use an IP address."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        super().__init__(app, settings.allowed_hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_probe = scope["type"] == "http" and route_path(scope) in PROBES
        await (self.app if is_probe else super().__call__)(scope, receive, send)


class RateLimit:
    """Limits each client to `RATE_LIMIT` requests per minute and worker, then answers 429.

    A client is the user of a token, or else an address: with FORWARDED_ALLOW_IPS the one that the
    proxy forwards. A burst may use up a whole minute's limit; then one request per interval.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.interval = MINUTE / limit
        self.paid_until: dict[str, float] = {}  # by client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = 0.0
        if scope["type"] == "http" and route_path(scope) not in PROBES:
            wait = self._wait(_client(HTTPConnection(scope)))
        if wait:
            detail = f"Too many requests: at most {MINUTE / self.interval:g} per minute."
            headers = {"Retry-After": str(ceil(wait))}
            await problem(429, detail, headers=headers)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _wait(self, client: str) -> float:
        """Returns the seconds until the client may send again; 0 admits this request."""
        now = monotonic()
        if len(self.paid_until) > MAX_CLIENTS:
            self.paid_until = {key: until for key, until in self.paid_until.items() if until > now}
        until = max(now, self.paid_until.get(client, now)) + self.interval
        if until - now > MINUTE + self.interval / 2:
            return until - now - MINUTE
        self.paid_until[client] = until
        return 0


def _client(connection: HTTPConnection) -> str:
    user: User | None = getattr(connection.state, "user", None)
    if user:
        return f"user {user.subject}"
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv4Address) or address.ipv4_mapped:
        return str(address)
    # A client can use every IPv6 address of its /64 network.
    return str(ip_network((address, 64), strict=False))


class TooLarge(Exception):
    """The body exceeds the limit; the message may be shown to its sender."""


class BodyLimit:
    """Reads the request body, up to `MAX_BODY_BYTES` or the limit of its path in `BODY_LIMITS`.

    FastAPI's `max_body_size` has no timeout, and answers in plain text. Behind this middleware the
    whole body is available at once, and nothing waits for a slow client. A large body is stored in
    a file.
    """

    def __init__(self, app: ASGIApp, settings: Settings, timeout: float = 30) -> None:
        self.app = app
        self.limit = settings.max_body_bytes
        self.timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with SpooledTemporaryFile(max_size=MAX_IN_MEMORY) as body:
            try:
                size = await self._read(scope, receive, body)
            except TooLarge as error:
                await problem(413, str(error))(scope, receive, send)
                return
            except TimeoutError as error:
                response = problem(408, str(error), headers={"Connection": "close"})
                await response(scope, receive, send)
                return
            if size is not None:
                await self.app(scope, _replay(body, size, receive), send)

    async def _read(
        self, scope: Scope, receive: Receive, body: SpooledTemporaryFile[bytes]
    ) -> int | None:
        """Returns its size; None if the client disconnects. Raises `TimeoutError` or `TooLarge`."""
        limit, setting = self._limit(route_path(scope))
        content_length = Headers(scope=scope).get("content-length", "")

        def check(size: int) -> None:
            if size > limit:
                raise TooLarge(f"The body exceeds {limit:,} bytes: see {setting}.")

        check(int(content_length[:18]) if content_length.isdecimal() else 0)
        started, size, more = asyncio.get_running_loop().time(), 0, True
        try:
            async with asyncio.timeout(self.timeout) as timeout:
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    chunk = message.get("body", b"")
                    more = message.get("more_body", False)
                    size += len(chunk)
                    check(size)
                    await _file_io(size, body.write, chunk)
                    timeout.reschedule(started + self.timeout + size / MIN_RATE)
        except TimeoutError:
            raise TimeoutError(
                f"Request body timed out: it may take {self.timeout} seconds, plus one for each "
                f"{MIN_RATE:,} bytes."
            ) from None
        return size

    def _limit(self, path: str) -> tuple[int, str]:
        """Returns the limit in bytes, and the name of its setting."""
        for prefix, limit in BODY_LIMITS.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                return limit, "BODY_LIMITS"
        return self.limit, "MAX_BODY_BYTES"


def _replay(body: SpooledTemporaryFile[bytes], size: int, receive: Receive) -> Receive:
    """Returns a `receive` for the body, in parts if it is in a file, and then for a disconnect."""
    body.seek(0)
    sent, is_complete = 0, False

    async def replay() -> Message:
        nonlocal sent, is_complete
        if is_complete:
            return await receive()
        chunk = await _file_io(size, body.read, CHUNK if size > MAX_IN_MEMORY else size)
        sent += len(chunk)
        is_complete = sent == size
        return {"type": "http.request", "body": chunk, "more_body": not is_complete}

    return replay


async def _file_io(size: int, call: Callable[[Any], T], argument: object) -> T:
    """Runs `call`, in a thread if the body is in a file: disks may be slow."""
    return await run_sync(call, argument) if size > MAX_IN_MEMORY else call(argument)


class Deadline:
    """Answers 503 if the response has not started within `REQUEST_TIMEOUT`.

    The request is cancelled but not waited for: a driver may block for as long as its server
    hangs, and a thread cannot be cancelled at all.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.timeout = settings.request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = asyncio.current_task()
        if scope["type"] != "http" or request is None:
            await self.app(scope, receive, send)
            return
        response: asyncio.Task[None] | None = None

        def expire() -> None:
            nonlocal response
            detail = f"Timed out after {self.timeout:g} seconds. Changes may have been stored."
            timed_out = problem(503, detail, headers=RETRY_LATER)
            response = asyncio.create_task(timed_out(scope, receive, send))
            request.cancel()

        async def send_wrapper(message: Message) -> None:
            timer.cancel()
            if response is None:
                await send(message)

        timer = asyncio.get_running_loop().call_later(self.timeout, expire)
        try:
            await self.app(scope, receive, send_wrapper)
        except asyncio.CancelledError:
            if response is None or request.uncancel():
                raise
        finally:
            timer.cancel()
            if response is not None:
                await response


class Admission:
    """Limits concurrent requests to `MAX_CONCURRENT_REQUESTS`, which bounds memory under overload.

    Further requests wait for `DATABASE_POOL_TIMEOUT`, then get a 503. Each probe has its own slot.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.timeout = settings.database_pool_timeout
        self.slots = asyncio.Semaphore(settings.max_concurrent_requests)
        self.reserved = {path: asyncio.Semaphore(1) for path in PROBES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        slots = self.reserved.get(route_path(scope), self.slots)
        try:
            # A free slot needs no timer.
            async with asyncio.timeout(self.timeout if slots.locked() else None):
                await slots.acquire()
        except TimeoutError:
            response = problem(503, "Too many concurrent requests.", headers=RETRY_LATER)
            await response(scope, receive, send)
            return

        # The slot is released when the response begins: by then its transaction has ended, and a
        # client that reads slowly does not block others.
        release = ExitStack()
        release.callback(slots.release)

        async def send_wrapper(message: Message) -> None:
            release.close()
            await send(message)

        with release:
            await self.app(scope, receive, send_wrapper)
