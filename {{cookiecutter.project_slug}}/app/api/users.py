"""The user of a request: `CurrentUser`, `OptionalUser` and `requires`, for routes and routers."""

from typing import Annotated

from fastapi import Depends, HTTPException, params
from starlette.requests import HTTPConnection

from app.api.dependencies import SettingsDep
from app.repositories.errors import Forbidden
from app.schemas.identity import User

CHALLENGE = {"WWW-Authenticate": "Bearer"}
UNAUTHENTICATED = "Missing bearer token."

ANONYMOUS = User(subject="anonymous", claims={})
"""Every caller, without roles, if authentication is off: in development, and with AUTH=none."""


async def optional_user(connection: HTTPConnection) -> User | None:
    """Returns None without a token, which only the paths of `app.api.paths.OPEN` allow."""
    user: User | None = getattr(connection.state, "user", None)
    return user


OptionalUser = Annotated[User | None, Depends(optional_user)]


async def current_user(user: OptionalUser, settings: SettingsDep) -> User:
    if user:
        return user
    if settings.checks_tokens:
        raise HTTPException(401, UNAUTHENTICATED, CHALLENGE)
    return ANONYMOUS


CurrentUser = Annotated[User, Depends(current_user)]


def requires(role: str) -> params.Depends:
    """Returns a dependency that answers 403 to users without this role.

    For a route: `@router.get("", dependencies=[requires("admin")], responses=problems(403))`.
    """

    async def has_role(user: CurrentUser) -> User:
        if role not in user.roles:
            raise Forbidden(f"Requires the role {role!r}.")
        return user

    depends: params.Depends = Depends(has_role)
    return depends
