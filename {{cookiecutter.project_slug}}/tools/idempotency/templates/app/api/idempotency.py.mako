"""Idempotency keys: `OnceDep` answers a repeated request with the first response.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from app.api.dependencies import SettingsDep
from app.api.users import OptionalUser
from app.repositories.idempotency import KeptResponse
from app.repositories.store import Repositories, Store

HEADER = "Idempotency-Key"
REUSED = {
    "type": "idempotency_key_reused",
    "loc": ("header", HEADER),
    "msg": "was already used for another request: use a new key",
}


class Replayed(Exception):
    """Ends a request whose response is already stored."""

    def __init__(self, response: KeptResponse) -> None:
        super().__init__(response)
        self.response = response


class Once:
    """A request that is executed once per Idempotency-Key, if it has one."""

    def __init__(self, key: str | None, fingerprint: str, lifetime: timedelta) -> None:
        self.key = key
        self.fingerprint = fingerprint
        self.lifetime = lifetime
        self._kept: KeptResponse | None = None

    @asynccontextmanager
    async def write(self, store: Store) -> AsyncIterator[Repositories]:
        """A `store.write()` that also stores the response. Raises `Replayed` if there is one."""
        async with store.write() as repositories:
            if self.key:
                known = await repositories.idempotency_keys.find(self.key, self.lifetime)
                if known and known.fingerprint != self.fingerprint:
                    raise RequestValidationError([REUSED])
                if known:
                    raise Replayed(known)
            yield repositories
            if self._kept is None:
                raise RuntimeError("once.keep() was not called in once.write()")
            if self.key:
                keys = repositories.idempotency_keys
                await keys.keep(self.key, self._kept, self.lifetime)

    def keep(self, content: BaseModel, response: Response, status: int = 201) -> None:
        """Stores the response: call it in the block, with the content, after setting headers."""
        body = content.model_dump_json(by_alias=True)
        self._kept = KeptResponse(self.fingerprint, status, dict(response.headers), body)


async def once(
    request: Request,
    user: OptionalUser,
    settings: SettingsDep,
    key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            description="A request that is sent again with the same key gets the first response.",
            min_length=1,
            max_length=255,
            pattern=r"^[\x20-\x7e]*$",
        ),
    ] = None,
) -> Once:
    lifetime = timedelta(seconds=settings.idempotency_key_lifetime)
    if key is None:
        return Once(None, "", lifetime)
    subject = user.subject if user else ""
    scope = (subject, request.method, request.url.path, key)
    content = request.url.query.encode() + b"\0" + await request.body()
    return Once(_digest("\0".join(scope).encode()), _digest(content), lifetime)


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


OnceDep = Annotated[Once, Depends(once)]


async def replay(_: Request, error: Replayed) -> Response:
    kept = error.response
    return Response(kept.body, kept.status, kept.headers, "application/json")
