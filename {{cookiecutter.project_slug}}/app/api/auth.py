"""Bearer tokens: JWTs that a key of AUTH_JWKS_URL has signed.

https://www.rfc-editor.org/rfc/rfc6750, https://www.rfc-editor.org/rfc/rfc8725
"""

import asyncio
import logging
from time import monotonic
from typing import Any

import jwt
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import RETRY_LATER, problem
from app.settings import Settings

PROTECTED = "/v1/"
KEYS_SECONDS = 300  # after so long the keys are read again: one may have been withdrawn
COOLDOWN_SECONDS = 5  # not more often, whatever is asked for
FETCH_SECONDS = 3
LEEWAY_SECONDS = 30  # between the clocks of the issuer and of this machine

log = logging.getLogger(__name__)


class Authentication:
    """Lets in who has a valid token; its claims are in `request.state.claims`."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.expected: dict[str, Any] = {
            "algorithms": [settings.auth_algorithm],
            "audience": settings.auth_audience,
            "issuer": settings.issuers,
            "leeway": LEEWAY_SECONDS,
            "options": {"require": ["exp", "iss", "aud"]},
        }
        url = str(settings.auth_jwks_url)
        self.issuer = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_SECONDS)
        self.keys: dict[str, jwt.PyJWK] = {}
        self.expire = self.fetch_from = 0.0
        self.fetching = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PROTECTED):
            await self.app(scope, receive, send)
            return

        try:
            claims = await self._claims(Headers(scope=scope))
        except jwt.PyJWKClientError:
            answer = problem(503, "Bearer tokens cannot be checked now.", headers=RETRY_LATER)
            await answer(scope, receive, send)
        except jwt.PyJWTError as error:
            challenge = {"WWW-Authenticate": "Bearer"}
            answer = problem(401, f"A valid bearer token is needed: {error}", headers=challenge)
            await answer(scope, receive, send)
        else:
            scope.setdefault("state", {})["claims"] = claims
            await self.app(scope, receive, send)

    async def _claims(self, headers: Headers) -> dict[str, Any]:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError("there is none")
        name = jwt.get_unverified_header(token).get("kid", "")
        # Who brings a known key does not wait while another request reads the keys again.
        if name not in self.keys or (monotonic() > self.expire and not self.fetching.locked()):
            async with self.fetching:
                await self._fetch()
        if name not in self.keys:
            unknown = jwt.InvalidTokenError if self.keys else jwt.PyJWKClientError
            raise unknown("its key is not known")
        return jwt.decode(token, self.keys[name], **self.expected)

    async def _fetch(self) -> None:
        if monotonic() < self.fetch_from:
            return
        try:
            # The client's own timeout is for each of its reads, and they may be many.
            async with asyncio.timeout(FETCH_SECONDS):
                keys = await to_thread.run_sync(
                    self.issuer.get_signing_keys, abandon_on_cancel=True
                )
        except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
            log.warning("AUTH_JWKS_URL cannot be read: %s", error)  # the keys from before still do
        else:
            self.keys = {str(key.key_id): key for key in keys}
            self.expire = monotonic() + KEYS_SECONDS
        self.fetch_from = monotonic() + COOLDOWN_SECONDS
