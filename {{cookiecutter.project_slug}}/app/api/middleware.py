"""Pure ASGI: Starlette's `BaseHTTPMiddleware` would run every request in a task of its own."""

import logging

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem

log = logging.getLogger(__name__)


class UnexpectedErrors:
    """Answers 500 to whatever no handler knows.

    Starlette's own handler for `Exception` raises it again, upon which the server closes the
    connection under the client's next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def observed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, observed)
        except Exception:
            if started or scope["type"] != "http":
                raise
            log.exception("unexpected error in %s %s", scope["method"], scope["path"])
            await problem(500, "Something went wrong here.")(scope, receive, send)


class BodyLimit:
    """Refuses a body of more than `limit` bytes before it is read whole.

    FastAPI's `max_body_size` does so too, but answers in plain text.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        too_large = f"A body may have at most {self.limit:,} bytes."
        if int(Headers(scope=scope).get("content-length", 0)) > self.limit:
            await problem(413, too_large)(scope, receive, send)
            return

        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                raise HTTPException(413, too_large)
            return message

        await self.app(scope, counted, send)
