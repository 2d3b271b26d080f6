"""Users, their logins and their API keys: functions to call in a block of the store.

Passwords are hashed and verified outside of such blocks, because that takes 50 ms.
"""

import secrets
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import joinedload

from app.db.base import now
from app.db.tables.users import ApiKeyTable, LoginTable, UserTable
from app.repositories.errors import Forbidden, NotFound
from app.repositories.store import Repositories
from app.schemas.identity import User
from app.schemas.users import ApiKey, ApiKeyCreate, NewApiKey

LOGIN_LASTS = timedelta(days=30)
KEY_PREFIX = "key_"  # distinguishes API keys from access tokens, for secret scanners too


class Login(NamedTuple):
    user: UserTable
    id: UUID
    refresh_token: str


async def add(repositories: Repositories, email: str, password_hash: str) -> None:
    """Raises `Conflict` if the email is taken."""
    repositories.session.add(UserTable(email=email, password_hash=password_hash))
    await repositories.session.flush()


async def by_email(repositories: Repositories, email: str) -> UserTable | None:
    statement = select(UserTable).where(UserTable.email == email)
    user: UserTable | None = await repositories.session.scalar(statement)
    return user


async def by_id(repositories: Repositories, user: User) -> UserTable:
    """Raises `NotFound` if the user was deleted while the token was valid."""
    found = await repositories.session.get(UserTable, UUID(user.subject))
    if found is None:
        raise NotFound(user.subject)
    return found


async def for_change(repositories: Repositories, user: User) -> UserTable:
    """Returns the user's row, locked.

    Raises `Forbidden` if the login of the access token has ended, for instance by a change of the
    password since it was verified.
    """
    session = repositories.session
    account = await session.get(UserTable, UUID(user.subject), with_for_update=True)
    if account is None or await session.get(LoginTable, UUID(user.claims["sid"])) is None:
        raise Forbidden("This login has ended: log in again.")
    return account


async def log_in(repositories: Repositories, verified: UserTable) -> Login | None:
    """Returns None if the password has been changed since it was verified."""
    user = await repositories.session.get(UserTable, verified.id, with_for_update=True)
    if user is None or user.password_hash != verified.password_hash:
        return None
    return await _start_login(repositories, user)


async def change_password(repositories: Repositories, user: User, new_hash: str) -> Login:
    """Ends all logins of the user, and starts a new one. Raises `Forbidden` like `for_change`."""
    account = await for_change(repositories, user)
    account.password_hash = new_hash
    of_user = LoginTable.user_id == account.id
    await repositories.session.execute(delete(LoginTable).where(of_user))
    return await _start_login(repositories, account)


async def _start_login(repositories: Repositories, user: UserTable) -> Login:
    session = repositories.session
    expired = LoginTable.expires_at <= now()
    await session.execute(delete(LoginTable).where(LoginTable.user_id == user.id, expired))
    secret = secrets.token_urlsafe(32)
    login = LoginTable(
        user_id=user.id, token_hash=_hashed(secret), expires_at=now() + LOGIN_LASTS
    )
    session.add(login)
    await session.flush()
    return Login(user, login.id, f"{login.id}.{secret}")


async def refresh(repositories: Repositories, token: str) -> Login | None:
    """Replaces the refresh token; returns None if it is not valid.

    A token that was already replaced ends its login: either the client or a thief uses a copy, and
    they cannot be told apart. https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2
    """
    session = repositories.session
    login, secret = await _login(repositories, token)
    if login is None:
        return None
    if login.expires_at <= now() or not compare_digest(login.token_hash, _hashed(secret)):
        await session.delete(login)
        return None
    secret = secrets.token_urlsafe(32)
    login.token_hash = _hashed(secret)
    user = await session.get_one(UserTable, login.user_id)
    return Login(user, login.id, f"{login.id}.{secret}")


async def log_out(repositories: Repositories, token: str) -> None:
    """Ends the login, by any of its tokens: the client may know only an earlier one."""
    login, _ = await _login(repositories, token)
    if login is not None:
        await repositories.session.delete(login)


async def add_key(repositories: Repositories, user: User, new: ApiKeyCreate) -> NewApiKey:
    owner = await for_change(repositories, user)
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    row = ApiKeyTable(user_id=owner.id, name=new.name, key_hash=_hashed(key))
    repositories.session.add(row)
    await repositories.session.flush()
    return NewApiKey(**ApiKey.model_validate(row).model_dump(), version=row.version, key=key)


async def keys(repositories: Repositories, user: User) -> list[ApiKey]:
    of_user = ApiKeyTable.user_id == UUID(user.subject)
    rows = await repositories.session.scalars(
        select(ApiKeyTable).where(of_user).order_by(ApiKeyTable.id)
    )
    return [ApiKey.model_validate(row) for row in rows]


async def remove_key(repositories: Repositories, user: User, id_: UUID) -> None:
    """Raises `NotFound`, also for the keys of other users."""
    owner = await for_change(repositories, user)
    of_user = ApiKeyTable.user_id == owner.id
    removed = await repositories.session.scalar(
        delete(ApiKeyTable).where(ApiKeyTable.id == id_, of_user).returning(ApiKeyTable.id)
    )
    if removed is None:
        raise NotFound(id_)


async def by_key(repositories: Repositories, key: str) -> User | None:
    """Returns the user of an API key."""
    statement = select(ApiKeyTable).where(ApiKeyTable.key_hash == _hashed(key))
    row = await repositories.session.scalar(statement.options(joinedload(ApiKeyTable.user)))
    if row is None:
        return None
    roles, claims = frozenset({row.user.role}), {"api_key": str(row.id)}
    return User(subject=str(row.user_id), roles=roles, claims=claims)


async def _login(repositories: Repositories, token: str) -> tuple[LoginTable | None, str]:
    """Returns the login of a refresh token, and the secret part of the token."""
    id_, _, secret = token.partition(".")
    try:
        key = UUID(id_)
    except ValueError:
        return None, secret
    return await repositories.session.get(LoginTable, key, with_for_update=True), secret


def _hashed(secret: str) -> str:
    """A fast hash is enough for 256 random bits."""
    return sha256(secret.encode()).hexdigest()
