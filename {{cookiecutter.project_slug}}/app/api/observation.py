"""Request ids, security headers, metrics and log lines for all requests."""

import re
from contextlib import ExitStack
from http import HTTPStatus
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from app.api.errors import METHODS, problem
from app.api.paths import PROBES, route_path
from app.metrics import ACTIVE, REQUESTS

# https://cheatsheetseries.owasp.org/cheatsheets/REST_Security_Cheat_Sheet.html#security-headers
SECURITY_HEADERS = {
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
REQUEST_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)
# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
CLIENT_DISCONNECTED = 499  # as in nginx: the client closed the connection

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def request_id(headers: Headers) -> str:
    """The caller's `X-Request-ID` or trace id if valid, else a new one."""
    if REQUEST_ID.fullmatch(value := headers.get("x-request-id", "")):
        return value
    trace = TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    return trace[1] if trace else uuid4().hex


def cache_control(scope: Scope, status: int) -> bytes:
    """Browsers may cache responses, but revalidate them by `ETag` before each use; proxies may not.

    So responses need no `Vary: Authorization`: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2
    """
    is_read = scope["method"] in {"GET", "HEAD"} and status < HTTPStatus.BAD_REQUEST
    return b"private, no-cache" if is_read and route_path(scope) not in PROBES else b"no-store"


class UnexpectedErrors:
    """Answers 500 to unhandled errors, inside the CORS middleware so that browsers can read it.

    Starlette's own handler raises the exception again, and the server then closes the connection
    that the client would use for its next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False

        async def send_wrapper(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, send_wrapper)
        except Exception:
            if has_started or scope["type"] != "http":
                raise
            log.exception("unexpected error", logger=__name__)
            await problem(500, "An unexpected error occurred.")(scope, receive, send)


class Observation:
    """Request id, security headers, metrics and a log line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = perf_counter()
        status = 0
        id_ = request_id(Headers(scope=scope))
        state = scope["app"].state  # a mounted application replaces it

        def record() -> None:
            self._record(scope, status or CLIENT_DISCONNECTED, perf_counter() - started)

        async def send_wrapper(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [header for header in message["headers"] if header[0] != b"x-request-id"]
                names = {name for name, _ in headers}
                added = [header for header in SECURITY_HEADERS.items() if header[0] not in names]
                if b"cache-control" not in names:
                    added.append((b"cache-control", cache_control(scope, status)))
                added.append((b"x-request-id", id_.encode()))
                if state.draining:
                    added.append((b"connection", b"close"))  # the next request goes elsewhere
                message["headers"] = [*headers, *added]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                on_end.close()

        # Ends with the response: background tasks that run afterwards are not included.
        with bound_contextvars(request_id=id_), ExitStack() as on_end:
            on_end.callback(record)
            on_end.enter_context(ACTIVE.track_inprogress())
            await self.app(scope, receive, send_wrapper)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, not the path: labels have few values, whatever clients send.
        route = getattr(scope.get("route"), "path_format", "")
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        REQUESTS.labels(method, route, status).observe(seconds)
        fields = {"method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
        log_request = log.debug if route in PROBES else log.info
        log_request("request", logger=__name__, **fields)
