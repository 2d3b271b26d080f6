"""Authentication by bearer tokens, required by default.

Only the paths of `app.api.paths.OPEN` are exempt: a new route, WebSocket or mounted application is
protected until it is listed there.

https://www.rfc-editor.org/rfc/rfc6750
"""

from abc import ABC, abstractmethod

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from app.api.errors import RETRY_LATER, problem
from app.api.paths import METRICS, UNCHECKED, is_open, route_path
from app.api.users import CHALLENGE, UNAUTHENTICATED
from app.repositories.errors import Unavailable
from app.schemas.identity import User
from app.settings import Settings

# https://www.iana.org/assignments/websocket: 1013 is Try Again Later, 4000 to 4999 are private.
CLOSE_CODES = {401: 4401, 503: 1013}


class InvalidToken(Exception):
    """A token is rejected; the message may be shown to its sender."""


class Verifier(ABC):
    """Interface for the verification of bearer tokens."""

    @abstractmethod
    async def user(self, token: str, connection: HTTPConnection) -> User:
        """Returns the user. Raises `InvalidToken`, or `Unavailable` if it cannot verify now."""


class Authentication:
    """Requires a valid bearer token, and sets `request.state.user`."""

    def __init__(self, app: ASGIApp, verifier: Verifier, settings: Settings) -> None:
        self.app, self.verifier = app, verifier
        self.protected = {METRICS} if settings.metrics == "token" else set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rejection = None if scope["type"] == "lifespan" else await self._rejection(scope)
        await (rejection or self.app)(scope, receive, send)

    async def _rejection(self, scope: Scope) -> ASGIApp | None:
        """Returns the response to a request without a valid token; otherwise sets its user."""
        path = route_path(scope)
        needs_token = path in self.protected or not is_open(path)
        if path in UNCHECKED and not needs_token:
            return None
        connection = HTTPConnection(scope)
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            if not needs_token:
                return None
            return rejected(scope, 401, UNAUTHENTICATED, CHALLENGE)
        try:
            connection.state.user = await self.verifier.user(token, connection)
        except Unavailable as error:
            return rejected(scope, 503, str(error), RETRY_LATER)
        except InvalidToken as error:
            return rejected(scope, 401, f"Invalid bearer token: {error}", CHALLENGE)
        return None


def rejected(scope: Scope, status: int, detail: str, headers: dict[str, str]) -> ASGIApp:
    """Returns a problem response; a WebSocket is closed with the equivalent code."""
    if scope["type"] == "websocket":
        return WebSocketClose(CLOSE_CODES[status], detail)
    return problem(status, detail, headers=headers)
