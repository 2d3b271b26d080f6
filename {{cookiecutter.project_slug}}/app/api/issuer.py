"""JWT validation with the keys of AUTH_JWKS_URL.

https://www.rfc-editor.org/rfc/rfc8725
"""

import asyncio
import logging
from time import monotonic
from typing import Any

import jwt
from anyio import to_thread
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from app.api.auth import InvalidToken, Verifier
from app.repositories.errors import Unavailable
from app.schemas.identity import User
from app.settings import Settings

KEYS_SECONDS = 300  # before the keys are fetched again: one may have been revoked
COOLDOWN_SECONDS = 5  # between two fetches, whatever tokens arrive
RETRY_SECONDS = 0.5  # after a failed fetch, for a token whose key is unknown
FETCH_SECONDS = 3
LEEWAY_SECONDS = 30  # of clock skew between the issuer and this machine

log = logging.getLogger(__name__)


class Issuer(Verifier):
    def __init__(self, settings: Settings) -> None:
        self.audience, self.audience_claim = settings.auth_audience, settings.auth_audience_claim
        self.roles_claim = settings.auth_roles_claim
        has_aud = self.audience_claim == "aud"
        self.decode_options: dict[str, Any] = {
            "algorithms": [settings.auth_algorithm],
            "audience": self.audience if has_aud else None,
            "issuer": settings.issuers,
            "leeway": LEEWAY_SECONDS,
            "options": {
                "require": ["exp", "iss", "sub", self.audience_claim],
                "verify_aud": has_aud,
            },
        }
        url = str(settings.auth_jwks_url)
        self.timeout = min(FETCH_SECONDS, settings.request_timeout)
        self.client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=self.timeout)
        self.keys: dict[str, jwt.PyJWK] = {}
        self.expires_at = self.next_fetch_at = 0.0
        self.has_fetched = False
        self.lock = asyncio.Lock()

    async def user(self, token: str, connection: HTTPConnection) -> User:
        try:
            claims = await self._claims(token)
            roles = roles_of(claims, self.roles_claim)
            return User(subject=claims["sub"], roles=roles, claims=claims)
        except jwt.PyJWKClientError as error:
            raise Unavailable("Bearer tokens cannot be checked now.") from error
        except ValidationError as error:
            raise InvalidToken("its sub is empty or longer than 255 characters") from error
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error)) from error

    async def _claims(self, token: str) -> dict[str, Any]:
        key_id = jwt.get_unverified_header(token).get("kid", "")
        # A token with a known key does not wait while another request fetches the keys again.
        if key_id not in self.keys or (monotonic() > self.expires_at and not self.lock.locked()):
            async with self.lock:
                await self._fetch()
        if key_id not in self.keys:
            error_type = jwt.InvalidTokenError if self.has_fetched else jwt.PyJWKClientError
            raise error_type("unknown key")
        claims = jwt.decode(token, self.keys[key_id], **self.decode_options)
        if self.audience_claim != "aud" and claims[self.audience_claim] != self.audience:
            raise jwt.InvalidAudienceError("Audience doesn't match")
        return claims

    async def _fetch(self) -> None:
        if monotonic() < self.next_fetch_at:
            return
        try:
            # The client's own timeout applies to each of its reads, of which there may be many.
            async with asyncio.timeout(self.timeout):
                keys = await to_thread.run_sync(
                    self.client.get_signing_keys, abandon_on_cancel=True
                )
        except (jwt.PyJWTError, OSError, ValueError, RecursionError) as error:
            log.warning("AUTH_JWKS_URL cannot be read: %s", error)  # earlier keys stay valid
            self.has_fetched, lifetime, pause = False, COOLDOWN_SECONDS, RETRY_SECONDS
        else:
            self.keys = {str(key.key_id): key for key in keys}
            self.has_fetched, lifetime, pause = True, KEYS_SECONDS, COOLDOWN_SECONDS
        self.expires_at, self.next_fetch_at = monotonic() + lifetime, monotonic() + pause


def roles_of(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """Returns the roles in a claim: a list, or space-separated words as in OAuth's `scope`.

    A dot selects a nested claim, as in Keycloak's `realm_access.roles`, unless a claim has that
    exact name.
    """
    value: object = claims
    for name in [claim] if claim in claims else claim.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    words = value.split() if isinstance(value, str) else value
    return frozenset(map(str, words)) if isinstance(words, list) else frozenset()
