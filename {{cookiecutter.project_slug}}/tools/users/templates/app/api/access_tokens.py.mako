"""Access tokens that this service signs, and the API keys of its users.

https://www.rfc-editor.org/rfc/rfc8725
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
{% if cookiecutter.concurrency == "sync" %}
from anyio import to_thread
{% endif %}
from pydantic import BaseModel, ValidationError
from starlette.requests import HTTPConnection

from app.api.auth import InvalidToken, Verifier
from app.api.dependencies import get_store
from app.api.issuer import LEEWAY_SECONDS
from app.repositories.store import Store
from app.schemas.identity import User
from app.services import users
from app.settings import NAME, Settings

LIFETIME = timedelta(minutes=15)
ALGORITHM = "HS256"


class Claims(BaseModel):
    sub: UUID
    sid: UUID  # of the login: https://www.iana.org/assignments/jwt
    roles: frozenset[str]


class AccessTokens(Verifier):
    def __init__(self, settings: Settings) -> None:
        fallbacks = settings.auth_secret_key_fallbacks
        self.keys = [key.get_secret_value() for key in (settings.auth_secret_key, *fallbacks)]

    def sign(self, login: users.Login) -> str:
        issued_at = datetime.now(UTC)
        claims = {
            "iss": NAME,
            "aud": NAME,
            "sub": str(login.user.id),
            "sid": str(login.id),
            "roles": [login.user.role],
            "iat": issued_at,
            "exp": issued_at + LIFETIME,
        }
        return jwt.encode(claims, self.keys[0], ALGORITHM)

    async def user(self, token: str, connection: HTTPConnection) -> User:
        if token.startswith(users.KEY_PREFIX):
            store = await get_store(connection)
{% if cookiecutter.concurrency == "async" %}
            return await by_key(store, token)
{% else %}
            return await to_thread.run_sync(by_key, store, token)
{% endif %}
        claims = self._claims(token)
        return User(
            subject=str(claims.sub), roles=claims.roles, claims={"sid": str(claims.sid)}
        )

    def _claims(self, token: str) -> Claims:
        for key in self.keys:
            try:
                return _decoded(token, key)
            except jwt.InvalidSignatureError:
                continue  # it may be signed with a fallback key
            except jwt.PyJWTError as error:
                raise InvalidToken(str(error)) from error
            except ValidationError as error:
                raise InvalidToken("unexpected claims") from error
        raise InvalidToken("Signature verification failed")


def _decoded(token: str, key: str) -> Claims:
    claims = jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        issuer=NAME,
        audience=NAME,
        leeway=LEEWAY_SECONDS,
        options={"require": ["exp", "iat", "iss", "aud"]},
    )
    return Claims.model_validate(claims)


{% if cookiecutter.concurrency == "async" %}
async def by_key(store: Store, key: str) -> User:
    async with store.read(snapshot=False) as repositories:
        user = await users.by_key(repositories, key)
{% else %}
def by_key(store: Store, key: str) -> User:
    with store.read(snapshot=False) as repositories:
        user = users.by_key(repositories, key)
{% endif %}
    if user is None:
        raise InvalidToken("unknown API key")
    return user
